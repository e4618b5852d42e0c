-- How many jobs are in each status, counted up to a cap. Locks nothing.
--
-- Each status is counted through the index that lists it, type by type, and the counting
-- stops one beyond the cap. The order within a type matters only to the planner, as
-- in list_jobs.sql.
WITH type AS MATERIALIZED (
    SELECT job_type
    FROM job_definitions
    WHERE %(job_type)s::text IS NULL OR job_type = %(job_type)s::text
)
SELECT 'PENDING' AS status, count(*) AS job_count
FROM (
    SELECT
    FROM type AS t
    CROSS JOIN unnest(%(globalities)s::boolean[]) AS g (is_global)
    CROSS JOIN LATERAL (
        SELECT
        FROM job_queue
        WHERE status = 'PENDING'
          AND job_type = t.job_type
          AND (organization_id IS NULL) BETWEEN g.is_global AND g.is_global
        ORDER BY organization_id IS NULL, id
        LIMIT %(cap)s::bigint + 1
    ) AS p
    LIMIT %(cap)s::bigint + 1
) AS counted
UNION ALL
SELECT 'LEASED', count(*)
FROM (
    SELECT
    FROM job_queue
    WHERE status = 'LEASED'
      AND job_type IN (SELECT job_type FROM type)
      AND (organization_id IS NULL) = ANY (%(globalities)s::boolean[])
    LIMIT %(cap)s::bigint + 1
) AS counted
UNION ALL
SELECT s.status, counted.job_count
FROM (VALUES ('SUCCEEDED'), ('DEAD_LETTERED'), ('CANCELED')) AS s (status)
CROSS JOIN LATERAL (
    SELECT count(*) AS job_count
    FROM (
        SELECT
        FROM type AS t
        CROSS JOIN unnest(%(globalities)s::boolean[]) AS g (is_global)
        CROSS JOIN LATERAL (
            SELECT
            FROM job_queue
            WHERE status = s.status::job_status
              AND finished_at IS NOT NULL
              AND job_type = t.job_type
              AND (organization_id IS NULL) BETWEEN g.is_global AND g.is_global
            ORDER BY organization_id IS NULL, id
            LIMIT %(cap)s::bigint + 1
        ) AS e
        LIMIT %(cap)s::bigint + 1
    ) AS ended
) AS counted
