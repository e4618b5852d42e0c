-- Count keyed rows written before requests were kept. Each count reads a partial
-- index that is empty on a healthy database. Locks nothing.
SELECT
    (
        SELECT count(*)
        FROM job_queue
        WHERE idempotency_key IS NOT NULL AND enqueue_request IS NULL
    ) AS job_count,
    (
        SELECT count(*)
        FROM workflow_runs
        WHERE idempotency_key IS NOT NULL AND enqueue_request IS NULL
    ) AS workflow_count
