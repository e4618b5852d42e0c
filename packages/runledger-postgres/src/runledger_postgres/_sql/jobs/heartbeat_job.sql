-- Renew one live lease and write the HEARTBEAT event.
--
-- Locks the job_queue row (rank 2), for a bounded time. The expiry is tested again on
-- the locked row, because the wait for the lock may have outlived it. The update finds
-- the row by id: a version that was waited for is newer than the statement's snapshot,
-- and a search by place would not see it.
WITH /*bounded*/
held AS MATERIALIZED (
    SELECT q.id, q.lease_expires_at
    FROM bound
    CROSS JOIN job_queue AS q
    WHERE q.id = %(job_id)s
      AND q.run_number = %(run_number)s
      AND q.attempt = %(attempt)s
      AND q.worker_id = %(worker_id)s
      AND q.status = 'LEASED'
      AND q.lease_expires_at > clock_timestamp()
    FOR NO KEY UPDATE OF q
),
renewed AS (
    UPDATE job_queue AS q
    SET lease_expires_at
            = clock_timestamp() + make_interval(secs => %(lease_seconds)s),
        last_heartbeat_at = clock_timestamp()
    FROM held AS h
    WHERE q.id = h.id
      AND h.lease_expires_at > clock_timestamp()
    RETURNING
        q.id, q.run_number, q.attempt, q.worker_id, q.lease_expires_at,
        q.last_heartbeat_at
),
event AS (
    INSERT INTO job_events (
        job_id, run_number, attempt, event_type, payload, occurred_at
    )
    SELECT
        id, run_number, attempt, 'HEARTBEAT',
        jsonb_build_object('worker_id', worker_id), last_heartbeat_at
    FROM renewed
)
SELECT lease_expires_at
FROM renewed
