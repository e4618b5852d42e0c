-- A page of what the application says about one job, oldest first. Locks nothing.
SELECT
    l.id, l.job_id, l.run_number, l.attempt, l.level, l.message, l.payload,
    l.occurred_at
FROM job_logs AS l
WHERE l.job_id = %(job_id)s
  AND l.id > COALESCE(%(after_id)s::bigint, 0)
  AND EXISTS (
      SELECT
      FROM job_queue
      WHERE id = l.job_id
        AND /*scope*/
  )
ORDER BY l.id
LIMIT %(limit)s
