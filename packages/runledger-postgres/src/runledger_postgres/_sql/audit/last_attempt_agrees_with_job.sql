-- Find jobs that are not where the outcome of their last attempt puts them.
-- A job that is canceled while it waits keeps the outcome of its last failure.
SELECT q.id
FROM job_queue AS q
JOIN job_attempts AS a
    ON a.job_id = q.id
    AND a.run_number = q.run_number
    AND a.attempt = q.attempt
WHERE NOT CASE q.status
    WHEN 'PENDING' THEN
        COALESCE(a.outcome IN ('RETRYABLE', 'TIMEOUT', 'LEASE_EXPIRED'), FALSE)
    WHEN 'LEASED' THEN a.outcome IS NULL
    WHEN 'SUCCEEDED' THEN
        COALESCE(a.outcome = 'SUCCEEDED' AND a.finished_at = q.finished_at, FALSE)
    WHEN 'DEAD_LETTERED' THEN
        COALESCE(
            a.outcome
                IN ('RETRYABLE', 'TERMINAL', 'PANICKED', 'TIMEOUT', 'LEASE_EXPIRED')
            AND a.finished_at = q.finished_at,
            FALSE
        )
    WHEN 'CANCELED' THEN
        COALESCE(
            a.outcome IN ('CANCELED', 'RETRYABLE', 'TIMEOUT', 'LEASE_EXPIRED'), FALSE
        )
END
ORDER BY q.id
LIMIT %(limit)s
