-- Find dead jobs without a dead letter about this very death.
SELECT q.id
FROM job_queue AS q
LEFT JOIN job_dead_letters AS d ON d.job_id = q.id
WHERE q.status = 'DEAD_LETTERED'
  AND (q.run_number, q.attempt, q.last_error_code)
      IS DISTINCT FROM (d.run_number, d.attempt, d.error_code)
ORDER BY q.id
LIMIT %(limit)s
