-- Find jobs of no definition.
SELECT q.id
FROM job_queue AS q
WHERE NOT EXISTS (
    SELECT
    FROM job_definitions AS d
    WHERE d.job_type = q.job_type
)
ORDER BY q.id
LIMIT %(limit)s
