-- Find events that are dated before the one before them.
WITH event AS (
    SELECT
        id, occurred_at,
        lag(occurred_at) OVER (PARTITION BY job_id ORDER BY id) AS previous_at
    FROM job_events
)
SELECT id
FROM event
WHERE occurred_at < previous_at
ORDER BY id
LIMIT %(limit)s
