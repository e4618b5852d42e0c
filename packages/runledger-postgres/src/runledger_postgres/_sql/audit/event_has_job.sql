-- Find events of no job.
SELECT e.id
FROM job_events AS e
WHERE NOT EXISTS (
    SELECT
    FROM job_queue AS q
    WHERE q.id = e.job_id
)
ORDER BY e.id
LIMIT %(limit)s
