-- Find attempts whose outcome is not what the events of that attempt say.
WITH ended AS (
    SELECT
        job_id, run_number, attempt,
        count(*) FILTER (WHERE event_type IN ('SUCCEEDED', 'FAILED')) AS end_count,
        max(
            CASE event_type
                WHEN 'SUCCEEDED' THEN 'SUCCEEDED'
                WHEN 'FAILED' THEN payload ->> 'kind'
            END
        ) AS outcome,
        bool_or(event_type = 'CANCELED') AS is_canceled,
        bool_or(event_type = 'REQUEUED') AS is_requeued
    FROM job_events
    WHERE event_type IN ('SUCCEEDED', 'FAILED', 'CANCELED', 'REQUEUED')
    GROUP BY job_id, run_number, attempt
)
SELECT a.id
FROM job_attempts AS a
LEFT JOIN ended AS e
    ON e.job_id = a.job_id
    AND e.run_number = a.run_number
    AND e.attempt = a.attempt
WHERE NOT CASE
    WHEN a.outcome IS NULL THEN COALESCE(e.end_count, 0) = 0
    WHEN a.outcome = 'CANCELED' THEN COALESCE(e.end_count = 0 AND e.is_canceled, FALSE)
    WHEN a.outcome IN ('CONTINUED', 'RELEASED') THEN
        COALESCE(e.end_count = 0 AND e.is_requeued, FALSE)
    ELSE COALESCE(e.end_count = 1 AND e.outcome = a.outcome::text, FALSE)
END
ORDER BY a.id
LIMIT %(limit)s
