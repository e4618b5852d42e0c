-- Find attempts that ended their run, or were given back, and yet have a successor.
SELECT a.id
FROM job_attempts AS a
WHERE a.outcome IN ('SUCCEEDED', 'TERMINAL', 'PANICKED', 'CANCELED', 'RELEASED')
  AND EXISTS (
      SELECT
      FROM job_attempts AS later
      WHERE later.job_id = a.job_id
        AND later.run_number = a.run_number
        AND later.attempt > a.attempt
  )
ORDER BY a.id
LIMIT %(limit)s
