-- A page of the jobs that have this idempotency key, newest first. Locks nothing.
--
-- A key belongs to one job of each type and organization, so that is how many rows are
-- read. Both halves are prefixes of the unique indexes that enforce it.
WITH found AS (
    SELECT k.id
    FROM job_definitions AS d
    CROSS JOIN LATERAL (
        SELECT id
        FROM job_queue
        WHERE job_type = d.job_type
          AND idempotency_key = %(idempotency_key)s::text
          AND organization_id IS NULL
          AND /*scope*/
        UNION ALL
        SELECT id
        FROM job_queue
        WHERE job_type = d.job_type
          AND idempotency_key = %(idempotency_key)s::text
          AND organization_id IS NOT NULL
          AND /*scope*/
    ) AS k
    WHERE (%(job_type)s::text IS NULL OR d.job_type = %(job_type)s::text)
      AND (
          %(job_type_prefix)s::text IS NULL
          OR starts_with(d.job_type, %(job_type_prefix)s::text)
      )
)
SELECT
    id, job_type, organization_id, status::text AS status, priority, run_number,
    attempt, max_attempts, next_run_at, lease_expires_at, worker_id, started_at,
    finished_at, stage, progress_pct, idempotency_key, status_reason,
    last_error_code, created_at
FROM job_queue
WHERE id = ANY (ARRAY(SELECT id FROM found))
  AND id < %(before_id)s::uuid
  AND status::text = ANY (%(statuses)s::text[])
ORDER BY id DESC
LIMIT %(limit)s
