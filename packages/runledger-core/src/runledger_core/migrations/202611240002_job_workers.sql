-- Let workers say that they are there, what they run and whether they are asleep.
-- An enqueue sends a notification only where somebody sleeps for its type: NOTIFY
-- serialises commits, and a busy system sends none. An operator who asks why a job does
-- not run is told when no live worker takes its type.
-- Unlogged: a row is worth seconds, and after a crash an empty table is the truth; a
-- worker that nobody wakes still polls. One row per worker, so readers read a page.
-- A sleeper says which types it would take, when it looks by itself, and where it hears.
-- Locks: only the table that it creates.

CREATE UNLOGGED TABLE job_workers (
    worker_id text NOT NULL,
    job_types text[] NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    asleep_since timestamptz,
    wakes_for text[],
    wakes_at timestamptz,
    wake_channel text,
    CONSTRAINT pk_job_workers PRIMARY KEY (worker_id),
    CONSTRAINT chk_job_workers_worker_id_not_blank
        CHECK (runledger_is_identifier(worker_id)),
    CONSTRAINT chk_job_workers_expires_after_seen CHECK (expires_at > seen_at),
    CONSTRAINT chk_job_workers_sleeper_can_be_woken CHECK (
        asleep_since IS NULL OR num_nulls(wakes_for, wakes_at, wake_channel) = 0
    )
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 200
);
