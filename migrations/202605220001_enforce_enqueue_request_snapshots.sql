-- Demand a snapshot of every new keyed row, and make the old ones without easy to find.
-- The checks are NOT VALID: they bind new and changed rows at once and read none of the
-- old. The application's migrate call validates them when no row is left without.
-- Locks: SHARE on job_queue and workflow_runs (writers wait) while each index is built,
-- which reads the whole table though it stores almost nothing; then ACCESS EXCLUSIVE on
-- both for a catalog change.

CREATE INDEX idx_job_queue_missing_enqueue_request_snapshot
    ON job_queue (id)
    WHERE idempotency_key IS NOT NULL AND enqueue_request IS NULL;

CREATE INDEX idx_workflow_runs_missing_enqueue_request_snapshot
    ON workflow_runs (id)
    WHERE idempotency_key IS NOT NULL AND enqueue_request IS NULL;

ALTER TABLE job_queue
    ADD CONSTRAINT ck_job_queue_idempotency_enqueue_request
    CHECK (idempotency_key IS NULL OR enqueue_request IS NOT NULL) NOT VALID;

ALTER TABLE workflow_runs
    ADD CONSTRAINT ck_workflow_runs_idempotency_enqueue_request
    CHECK (idempotency_key IS NULL OR enqueue_request IS NOT NULL) NOT VALID;

INSERT INTO runledger_migration_history (version)
VALUES (202605220001)
ON CONFLICT (version) DO NOTHING;
