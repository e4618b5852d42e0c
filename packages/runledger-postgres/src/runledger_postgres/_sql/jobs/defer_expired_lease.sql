-- Put off a lease that expired but cannot be reaped, so that it does not keep the reaper
-- from the others.
--
-- The job_queue row is locked already, by lock_expired_leases.sql (rank 2).
UPDATE job_queue
SET lease_expires_at
        = clock_timestamp() + %(delay_ms)s::integer * interval '1 millisecond'
WHERE id = %(job_id)s
  AND run_number = %(run_number)s
  AND attempt = %(attempt)s
  AND worker_id = %(worker_id)s
  AND status = 'LEASED'
RETURNING lease_expires_at
