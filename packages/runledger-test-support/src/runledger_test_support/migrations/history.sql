-- The migrator's own history: which file was applied, with which checksum.
-- Idempotent, and no version of its own: whoever applies migrations runs it first and
-- adds one row after each file, in that file's transaction.
-- Locks: nothing that exists; a no-op when the table is there.

CREATE TABLE IF NOT EXISTS runledger_migrations (
    version bigint NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL,
    CONSTRAINT pk_runledger_migrations PRIMARY KEY (version)
);
