-- From here on the database itself refuses a keyed run without its request. Reads the
-- table once under SHARE UPDATE EXCLUSIVE: reads and writes go on.
ALTER TABLE workflow_runs
VALIDATE CONSTRAINT ck_workflow_runs_idempotency_enqueue_request
