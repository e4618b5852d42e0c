-- Find jobs that ended, or were alive, before they started.
SELECT id
FROM job_queue
WHERE finished_at < started_at
   OR last_heartbeat_at < started_at
ORDER BY id
LIMIT %(limit)s
