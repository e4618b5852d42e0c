-- From here on the database itself refuses a keyed row without its request. Reads both
-- tables once under SHARE UPDATE EXCLUSIVE: reads and writes go on.
ALTER TABLE job_queue
    VALIDATE CONSTRAINT ck_job_queue_idempotency_enqueue_request;
ALTER TABLE workflow_runs
    VALIDATE CONSTRAINT ck_workflow_runs_idempotency_enqueue_request;
