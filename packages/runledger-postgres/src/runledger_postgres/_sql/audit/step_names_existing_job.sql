-- Find steps that name a job which is not there.
SELECT s.id
FROM workflow_steps AS s
WHERE s.job_id IS NOT NULL
  AND NOT EXISTS (
      SELECT
      FROM job_queue AS q
      WHERE q.id = s.job_id
  )
ORDER BY s.id
LIMIT %(limit)s
