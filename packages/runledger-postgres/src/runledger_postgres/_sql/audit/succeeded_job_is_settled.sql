-- Find succeeded jobs that still look as if something were open.
SELECT id
FROM job_queue
WHERE status = 'SUCCEEDED'
  AND (
      stage <> 'completed'
      OR num_nonnulls(status_reason, last_error_code, last_error_message) > 0
  )
ORDER BY id
LIMIT %(limit)s
