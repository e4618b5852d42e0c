-- Add the compatibility fence: the versions that an older binary must know about before
-- it may work on this database. It is not the migrator's history; a migration that old
-- code can live with is left out on purpose.
-- Locks: only the table that it creates.

CREATE TABLE runledger_migration_history (
    version bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_runledger_migration_history PRIMARY KEY (version)
);

INSERT INTO runledger_migration_history (version)
VALUES
    (202603280001),
    (202604100001)
ON CONFLICT (version) DO NOTHING;
