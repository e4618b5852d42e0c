-- Find jobs whose last heartbeat outlived the lease, and leased ones without any.
SELECT id
FROM job_queue
WHERE (last_heartbeat_at IS NOT NULL) <> (status = 'LEASED')
ORDER BY id
LIMIT %(limit)s
