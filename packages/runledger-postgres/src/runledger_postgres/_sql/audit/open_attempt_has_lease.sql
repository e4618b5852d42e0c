-- Find attempts that were left open when their lease ended.
SELECT a.id
FROM job_attempts AS a
JOIN job_queue AS q ON q.id = a.job_id
WHERE a.finished_at IS NULL
  AND (
      q.status <> 'LEASED'
      OR (q.run_number, q.attempt, q.worker_id)
          IS DISTINCT FROM (a.run_number, a.attempt, a.worker_id)
  )
ORDER BY a.id
LIMIT %(limit)s
