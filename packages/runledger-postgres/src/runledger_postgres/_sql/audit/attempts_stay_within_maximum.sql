-- Find jobs with more attempts than they may have, or waiting for one too many.
SELECT id
FROM job_queue
WHERE attempt > max_attempts
   OR (status = 'PENDING' AND attempt = max_attempts)
   OR (status = 'LEASED' AND attempt = 0)
ORDER BY id
LIMIT %(limit)s
