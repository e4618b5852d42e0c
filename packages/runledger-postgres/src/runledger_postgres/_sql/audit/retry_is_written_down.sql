-- Find attempts whose retry delay and RETRY_SCHEDULED event do not go together.
WITH retried AS (
    SELECT job_id, run_number, attempt, count(*) AS event_count
    FROM job_events
    WHERE event_type = 'RETRY_SCHEDULED'
    GROUP BY job_id, run_number, attempt
)
SELECT a.id
FROM job_attempts AS a
LEFT JOIN retried AS r
    ON r.job_id = a.job_id
    AND r.run_number = a.run_number
    AND r.attempt = a.attempt
WHERE COALESCE(r.event_count, 0) <> (a.retry_delay_ms IS NOT NULL)::integer
ORDER BY a.id
LIMIT %(limit)s
