-- Find jobs whose next claim opens an attempt again and would not know it.
SELECT q.id
FROM job_queue AS q
JOIN job_attempts AS a
    ON a.job_id = q.id
   AND a.run_number = q.run_number
   AND a.attempt = q.attempt + 1
WHERE q.status = 'PENDING'
  AND q.status_reason IS DISTINCT FROM 'RELEASED'
ORDER BY q.id
LIMIT %(limit)s
