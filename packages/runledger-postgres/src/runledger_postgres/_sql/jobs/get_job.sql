-- Read one job, whole. Locks nothing.
SELECT
    id, job_type, organization_id, payload, status::text AS status, priority,
    run_number, attempt, max_attempts, timeout_seconds, next_run_at,
    lease_expires_at, last_heartbeat_at, worker_id, started_at, finished_at, stage,
    progress_done, progress_total, progress_pct, checkpoint, output, idempotency_key,
    status_reason, last_error_code, last_error_message, created_at, updated_at
FROM job_queue
WHERE id = %(job_id)s
  AND /*scope*/
