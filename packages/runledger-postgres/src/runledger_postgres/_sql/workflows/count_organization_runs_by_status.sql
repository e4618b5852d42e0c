-- How many runs of one organization are in each status: count_runs_by_status.sql over
-- its own indexes. Locks nothing.
WITH RECURSIVE ended_type AS (
    SELECT s.status::workflow_run_status AS status, n.workflow_type
    FROM (VALUES ('SUCCEEDED'), ('COMPLETED_WITH_ERRORS'), ('CANCELED')) AS s (status)
    CROSS JOIN LATERAL (
        SELECT r.workflow_type
        FROM workflow_runs AS r
        WHERE r.status = s.status::workflow_run_status
          AND r.finished_at IS NOT NULL
          AND r.organization_id = %(organization_id)s::uuid
          AND r.workflow_type >= COALESCE(%(workflow_type)s::text, '')
        ORDER BY r.workflow_type
        LIMIT 1
    ) AS n
    UNION ALL
    SELECT t.status, n.workflow_type
    FROM ended_type AS t
    CROSS JOIN LATERAL (
        SELECT r.workflow_type
        FROM workflow_runs AS r
        WHERE r.status = t.status
          AND r.finished_at IS NOT NULL
          AND r.organization_id = %(organization_id)s::uuid
          AND r.workflow_type > t.workflow_type
        ORDER BY r.workflow_type
        LIMIT 1
    ) AS n
    WHERE %(workflow_type)s::text IS NULL
),
unfinished AS MATERIALIZED (
    SELECT r.status
    FROM workflow_runs AS r
    WHERE r.finished_at IS NULL
      AND (%(workflow_type)s::text IS NULL OR r.workflow_type = %(workflow_type)s::text)
      AND r.organization_id = %(organization_id)s::uuid
    LIMIT %(cap)s::bigint + 1
)
SELECT
    s.status, count(u.status) AS run_count,
    (SELECT count(*) FROM unfinished) > %(cap)s::bigint AS is_capped
FROM (VALUES ('RUNNING'), ('WAITING_FOR_EXTERNAL')) AS s (status)
LEFT JOIN unfinished AS u ON u.status = s.status::workflow_run_status
GROUP BY s.status
UNION ALL
SELECT s.status, c.run_count, c.run_count > %(cap)s::bigint
FROM (VALUES ('SUCCEEDED'), ('COMPLETED_WITH_ERRORS'), ('CANCELED')) AS s (status)
CROSS JOIN LATERAL (
    SELECT count(*) AS run_count
    FROM (
        SELECT
        FROM ended_type AS t
        CROSS JOIN LATERAL (
            SELECT
            FROM workflow_runs AS r
            WHERE r.status = t.status
              AND r.finished_at IS NOT NULL
              AND r.organization_id = %(organization_id)s::uuid
              AND r.workflow_type BETWEEN t.workflow_type AND t.workflow_type
            ORDER BY r.workflow_type, r.id
            LIMIT %(cap)s::bigint + 1
        ) AS e
        WHERE t.status = s.status::workflow_run_status
          AND t.workflow_type = COALESCE(%(workflow_type)s::text, t.workflow_type)
        LIMIT %(cap)s::bigint + 1
    ) AS counted
) AS c
