-- A page of all jobs without their payloads, newest first. Locks nothing.
SELECT
    id, job_type, organization_id, status::text AS status, priority, run_number,
    attempt, max_attempts, next_run_at, lease_expires_at, worker_id, started_at,
    finished_at, stage, progress_pct, idempotency_key, status_reason,
    last_error_code, created_at
FROM job_queue
WHERE id < %(before_id)s::uuid
ORDER BY id DESC
LIMIT %(limit)s
