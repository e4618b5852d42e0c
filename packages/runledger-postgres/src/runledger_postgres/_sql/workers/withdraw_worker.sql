-- Forget a worker that has ended. Locks its own row.
DELETE FROM job_workers
WHERE worker_id = %(worker_id)s::text
