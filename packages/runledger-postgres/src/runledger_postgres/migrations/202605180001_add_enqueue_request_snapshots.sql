-- Keep the canonical request beside each keyed job and run, so that a repeat is compared
-- with what was asked for and not with what the row has become since.
-- Rows that exist stay NULL on purpose: what they were asked with is not known.
-- Locks: ACCESS EXCLUSIVE on job_queue and workflow_runs, for a catalog change only;
-- no row is read or rewritten.

ALTER TABLE job_queue ADD COLUMN enqueue_request jsonb;

ALTER TABLE workflow_runs ADD COLUMN enqueue_request jsonb;

INSERT INTO runledger_migration_history (version)
VALUES (202605180001)
ON CONFLICT (version) DO NOTHING;
