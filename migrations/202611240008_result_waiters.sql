-- Let those who wait for the end of a job or a run say so. What ends one sends a
-- notification only where somebody waits for it: NOTIFY serialises commits, and a ledger
-- whose results nobody waits for sends none.
-- One row a target, however many wait for it and in however many processes: the channel
-- is everybody's. Waiters come again before expires_at and never withdraw; whoever
-- registers takes expired rows away.
-- Unlogged: a row is worth a minute, and a waiter that nobody tells still polls.
-- Locks: only the table that it creates.

CREATE UNLOGGED TABLE result_waiters (
    target_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_result_waiters PRIMARY KEY (target_id)
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 200
);

CREATE INDEX idx_result_waiters_expires_at ON result_waiters (expires_at);
