-- A page of jobs without their payloads, newest first: ids are time-ordered, so the
-- cursor is the last id seen. Locks nothing.
SELECT
    id, job_type, organization_id, status::text AS status, priority, run_number,
    attempt, max_attempts, next_run_at, lease_expires_at, worker_id, started_at,
    finished_at, stage, progress_pct, idempotency_key, status_reason,
    last_error_code, created_at
FROM job_queue
WHERE (%(before_id)s::uuid IS NULL OR id < %(before_id)s::uuid)
  AND (%(status)s::text IS NULL OR status = %(status)s::text::job_status)
  AND (%(job_type)s::text IS NULL OR job_type = %(job_type)s::text)
  AND (
      %(job_type_prefix)s::text IS NULL
      OR starts_with(job_type, %(job_type_prefix)s::text)
  )
  AND /*scope*/
ORDER BY id DESC
LIMIT %(limit)s
