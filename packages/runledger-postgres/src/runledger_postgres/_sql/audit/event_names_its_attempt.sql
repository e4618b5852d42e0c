-- Find events that do not name the attempt under whose lease they were written.
-- The numbers of a run never fall: a claim that was given back is followed by one with
-- the same number. A cancellation or requeue may name an earlier attempt or none.
WITH event AS (
    SELECT
        id, event_type, attempt,
        max(attempt) FILTER (WHERE event_type = 'LEASED') OVER (
            PARTITION BY job_id, run_number
            ORDER BY id
        ) AS leased_attempt
    FROM job_events
)
SELECT id
FROM event
WHERE NOT CASE
    WHEN event_type = 'ENQUEUED' THEN attempt IS NULL
    WHEN event_type IN ('CANCELED', 'REQUEUED') THEN
        attempt IS NULL OR COALESCE(attempt <= leased_attempt, FALSE)
    ELSE COALESCE(attempt = leased_attempt, FALSE)
END
ORDER BY id
LIMIT %(limit)s
