-- A page of the jobs that are global, that belong to an organization, or of both,
-- without their payloads, newest first: ids are time-ordered, so the cursor is the last
-- id seen. Locks nothing.
--
-- Statuses and job types are few. Each pair of them gives its newest ids out of an
-- index that has them in this order, and the newest of all are the page: what is read
-- does not grow with the queue. LEASED jobs, as many as are running, are walked through.
-- The bounds and the order name a column more than they need: only the listing index
-- has that order, else the planner might walk down the primary key for a rare type.
-- The page's rows are fetched by their ids, in an array: a join would tempt the
-- planner to read the whole table.
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
    CROSS JOIN unnest(%(globalities)s::boolean[]) AS g (is_global)
    CROSS JOIN LATERAL (
        SELECT id
        FROM job_queue
        WHERE status = 'PENDING'
          AND job_type = t.job_type
          AND (organization_id IS NULL, id) < (g.is_global, %(before_id)s::uuid)
          AND (organization_id IS NULL, id) >= (
              g.is_global, '00000000-0000-0000-0000-000000000000'::uuid
          )
        ORDER BY organization_id IS NULL DESC, id DESC
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
          AND (organization_id IS NULL) = ANY (%(globalities)s::boolean[])
        ORDER BY id DESC
        LIMIT %(limit)s
    ) AS l
    WHERE 'LEASED' = ANY (%(statuses)s::text[])
    UNION ALL
    SELECT e.id
    FROM unnest(%(statuses)s::text[]) AS s (status)
    CROSS JOIN type AS t
    CROSS JOIN unnest(%(globalities)s::boolean[]) AS g (is_global)
    CROSS JOIN LATERAL (
        SELECT id
        FROM job_queue
        WHERE status = s.status::job_status
          AND finished_at IS NOT NULL
          AND job_type = t.job_type
          AND (organization_id IS NULL, id) < (g.is_global, %(before_id)s::uuid)
          AND (organization_id IS NULL, id) >= (
              g.is_global, '00000000-0000-0000-0000-000000000000'::uuid
          )
        ORDER BY organization_id IS NULL DESC, id DESC
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
