-- Find attempts whose lease, start and end are not in this order.
SELECT id
FROM job_attempts
WHERE started_at < leased_at
   OR execution_started_persisted_at < leased_at
   OR finished_at < GREATEST(started_at, execution_started_persisted_at)
ORDER BY id
LIMIT %(limit)s
