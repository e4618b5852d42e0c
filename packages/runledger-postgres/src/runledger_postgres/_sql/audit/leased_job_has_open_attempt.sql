-- Find leased jobs whose lease is not exactly one open attempt.
SELECT q.id
FROM job_queue AS q
LEFT JOIN job_attempts AS a
    ON a.job_id = q.id
    AND a.finished_at IS NULL
WHERE q.status = 'LEASED'
GROUP BY q.id
HAVING count(a.id) <> 1
    OR NOT bool_and(
        a.run_number = q.run_number
        AND a.attempt = q.attempt
        AND a.worker_id = q.worker_id
    )
ORDER BY q.id
LIMIT %(limit)s
