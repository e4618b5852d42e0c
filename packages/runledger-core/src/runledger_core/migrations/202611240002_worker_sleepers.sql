-- Let a worker that ran out of work say so, so that an enqueue sends a notification only
-- where somebody sleeps for it. NOTIFY serialises commits; a busy system sends none.
-- Unlogged: a row is worth seconds, and after a crash an empty table is the truth; a worker
-- that nobody wakes still polls. One row per sleeping worker, so the enqueue reads a page.
-- Locks: only the table that it creates.

CREATE UNLOGGED TABLE job_worker_sleepers (
    worker_id text NOT NULL,
    job_types text[] NOT NULL,
    asleep_since timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_job_worker_sleepers PRIMARY KEY (worker_id),
    CONSTRAINT chk_job_worker_sleepers_worker_id_not_blank
        CHECK (runledger_is_identifier(worker_id)),
    CONSTRAINT chk_job_worker_sleepers_expires_after_start
        CHECK (expires_at > asleep_since)
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 200
);
