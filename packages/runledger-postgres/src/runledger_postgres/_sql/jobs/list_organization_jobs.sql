-- A page of one organization's jobs: list_jobs.sql over its own indexes. Locks nothing.
WITH type AS MATERIALIZED (
    SELECT job_type
    FROM job_definitions
    WHERE (%(job_type)s::text IS NULL OR job_type = %(job_type)s::text)
      AND (
          %(job_type_prefix)s::text IS NULL
          OR starts_with(job_type, %(job_type_prefix)s::text)
      )
),
found AS (
    SELECT p.id
    FROM type AS t
    CROSS JOIN LATERAL (
        SELECT id
        FROM job_queue
        WHERE status = 'PENDING'
          AND organization_id = %(organization_id)s::uuid
          AND (job_type, id) < (t.job_type, %(before_id)s::uuid)
          AND (job_type, id) >= (
              t.job_type, '00000000-0000-0000-0000-000000000000'::uuid
          )
        ORDER BY job_type DESC, id DESC
        LIMIT %(limit)s
    ) AS p
    WHERE 'PENDING' = ANY (%(statuses)s::text[])
    UNION ALL
    SELECT l.id
    FROM (
        SELECT id
        FROM job_queue
        WHERE status = 'LEASED'
          AND job_type IN (SELECT job_type FROM type)
          AND id < %(before_id)s::uuid
          AND organization_id = %(organization_id)s::uuid
        ORDER BY id DESC
        LIMIT %(limit)s
    ) AS l
    WHERE 'LEASED' = ANY (%(statuses)s::text[])
    UNION ALL
    SELECT e.id
    FROM unnest(%(statuses)s::text[]) AS s (status)
    CROSS JOIN type AS t
    CROSS JOIN LATERAL (
        SELECT id
        FROM job_queue
        WHERE status = s.status::job_status
          AND finished_at IS NOT NULL
          AND organization_id = %(organization_id)s::uuid
          AND (job_type, id) < (t.job_type, %(before_id)s::uuid)
          AND (job_type, id) >= (
              t.job_type, '00000000-0000-0000-0000-000000000000'::uuid
          )
        ORDER BY job_type DESC, id DESC
        LIMIT %(limit)s
    ) AS e
    WHERE s.status NOT IN ('PENDING', 'LEASED')
)
SELECT
    id, job_type, organization_id, status::text AS status, priority, run_number,
    attempt, max_attempts, next_run_at, lease_expires_at, worker_id, started_at,
    finished_at, stage, progress_pct, idempotency_key, status_reason,
    last_error_code, created_at
FROM job_queue
WHERE id = ANY (ARRAY(SELECT id FROM found ORDER BY id DESC LIMIT %(limit)s))
ORDER BY id DESC
