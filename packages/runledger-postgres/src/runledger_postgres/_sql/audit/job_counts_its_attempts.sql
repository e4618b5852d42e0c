-- Find jobs whose attempt number is not the number of attempts of their current run.
-- A released claim used none up.
SELECT q.id
FROM job_queue AS q
LEFT JOIN job_attempts AS a
    ON a.job_id = q.id
    AND a.run_number = q.run_number
    AND a.outcome IS DISTINCT FROM 'RELEASED'
GROUP BY q.id
HAVING count(a.id) <> q.attempt
ORDER BY q.id
LIMIT %(limit)s
