-- Renew live leases, all of a worker in one statement; expired ones stay expired.
--
-- Changes only columns that no index names, so the update stays HOT. Locks job_queue
-- rows (rank 2) and steps over those that others hold, so that nobody is kept waiting by a
-- batch that waits itself; list_live_leases.sql says which they were. The update finds its
-- rows by id: a version that it locks may be newer than the statement's snapshot, and a
-- search by place would not see it.
WITH lease AS (
    SELECT l.job_id, l.run_number, l.attempt, l.worker_id
    FROM unnest(
        %(job_ids)s::uuid[],
        %(run_numbers)s::integer[],
        %(attempts)s::integer[],
        %(worker_ids)s::text[]
    ) AS l (job_id, run_number, attempt, worker_id)
),
held AS MATERIALIZED (
    SELECT q.id, q.lease_expires_at
    FROM (SELECT * FROM lease ORDER BY job_id) AS l
    CROSS JOIN LATERAL (
        SELECT id, lease_expires_at
        FROM job_queue
        WHERE id = l.job_id
          AND run_number = l.run_number
          AND attempt = l.attempt
          AND worker_id = l.worker_id
          AND status = 'LEASED'
          AND lease_expires_at > clock_timestamp()
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS q
)
UPDATE job_queue AS q
SET lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_seconds)s),
    last_heartbeat_at = clock_timestamp()
FROM held AS h
WHERE q.id = h.id
  AND h.lease_expires_at > clock_timestamp()
RETURNING
    q.id AS job_id, q.run_number, q.attempt, q.worker_id, q.lease_expires_at
