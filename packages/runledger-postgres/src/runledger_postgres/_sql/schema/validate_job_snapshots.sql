-- From here on the database itself refuses a keyed job without its request. Reads the
-- table once under SHARE UPDATE EXCLUSIVE: reads and writes go on.
ALTER TABLE job_queue
VALIDATE CONSTRAINT ck_job_queue_idempotency_enqueue_request
