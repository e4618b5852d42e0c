-- Mark a worker as awake, so that nobody notifies it. Locks its own row.
UPDATE job_workers
SET asleep_since = NULL
WHERE worker_id = %(worker_id)s::text
  AND asleep_since IS NOT NULL
