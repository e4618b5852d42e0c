-- Find jobs with the output of a success that is not theirs.
SELECT id
FROM job_queue
WHERE output IS NOT NULL
  AND status <> 'SUCCEEDED'
ORDER BY id
LIMIT %(limit)s
