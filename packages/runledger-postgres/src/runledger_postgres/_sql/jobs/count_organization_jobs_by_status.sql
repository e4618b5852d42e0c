-- How many of one organization's jobs are in each status: count_jobs_by_status.sql over
-- its own indexes. Locks nothing.
WITH type AS MATERIALIZED (
    SELECT job_type
    FROM job_definitions
    WHERE %(job_type)s::text IS NULL OR job_type = %(job_type)s::text
)
SELECT 'PENDING' AS status, count(*) AS job_count
FROM (
    SELECT
    FROM type AS t
    CROSS JOIN LATERAL (
        SELECT
        FROM job_queue
        WHERE status = 'PENDING'
          AND organization_id = %(organization_id)s::uuid
          AND job_type BETWEEN t.job_type AND t.job_type
        ORDER BY job_type, id
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
      AND organization_id = %(organization_id)s::uuid
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
        CROSS JOIN LATERAL (
            SELECT
            FROM job_queue
            WHERE status = s.status::job_status
              AND finished_at IS NOT NULL
              AND organization_id = %(organization_id)s::uuid
              AND job_type BETWEEN t.job_type AND t.job_type
            ORDER BY job_type, id
            LIMIT %(cap)s::bigint + 1
        ) AS e
        LIMIT %(cap)s::bigint + 1
    ) AS ended
) AS counted
