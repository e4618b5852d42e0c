-- Find jobs that have started without an attempt, or the other way round.
SELECT id
FROM job_queue
WHERE (started_at IS NOT NULL) <> (attempt > 0)
ORDER BY id
LIMIT %(limit)s
