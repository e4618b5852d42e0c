-- Find attempts of no job.
SELECT a.id
FROM job_attempts AS a
WHERE NOT EXISTS (
    SELECT
    FROM job_queue AS q
    WHERE q.id = a.job_id
)
ORDER BY a.id
LIMIT %(limit)s
