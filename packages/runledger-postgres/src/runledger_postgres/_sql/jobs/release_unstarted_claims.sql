-- Give back claims whose work never began: the attempts are not consumed.
--
-- A claim began when anything was written under it. Claiming stamps one instant on the
-- attempt, the heartbeat and the job's update time; a renewal moves the second, a report
-- of progress, stage or checkpoint the third. The attempt's row stays, as RELEASED, and
-- the next claim of the same number opens it again: status_reason tells it to.
--
-- Locks job_queue rows (rank 2) and steps over those that others hold, which
-- list_live_leases.sql names afterwards. A lease must be live before the lock and after it.
WITH lease AS (
    SELECT l.job_id, l.run_number, l.attempt, l.worker_id, l.position
    FROM unnest(
        %(job_ids)s::uuid[],
        %(run_numbers)s::integer[],
        %(attempts)s::integer[],
        %(worker_ids)s::text[]
    ) WITH ORDINALITY AS l (job_id, run_number, attempt, worker_id, position)
),
held AS MATERIALIZED (
    SELECT
        q.id, q.lease_expires_at, q.last_heartbeat_at, q.updated_at, l.run_number,
        l.attempt, l.position
    FROM (SELECT * FROM lease ORDER BY job_id) AS l
    CROSS JOIN LATERAL (
        SELECT id, lease_expires_at, last_heartbeat_at, updated_at
        FROM job_queue
        WHERE id = l.job_id
          AND run_number = l.run_number
          AND attempt = l.attempt
          AND worker_id = l.worker_id
          AND status = 'LEASED'
          AND lease_expires_at > clock_timestamp()
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS q
),
live AS MATERIALIZED (
    SELECT
        h.id, h.position, clock_timestamp() AS released_at,
        EXISTS (
            SELECT
            FROM job_attempts AS a
            WHERE a.job_id = h.id
              AND a.run_number = h.run_number
              AND a.attempt = h.attempt
              AND a.finished_at IS NULL
              AND a.leased_at = h.last_heartbeat_at
              AND a.leased_at = h.updated_at
        ) AS is_unstarted
    FROM held AS h
    WHERE h.lease_expires_at > clock_timestamp()
),
released AS (
    UPDATE job_queue AS q
    SET status = 'PENDING',
        attempt = q.attempt - 1,
        worker_id = NULL,
        lease_expires_at = NULL,
        last_heartbeat_at = NULL,
        started_at = CASE WHEN q.attempt > 1 THEN q.started_at END,
        next_run_at = l.released_at + %(delay_ms)s::integer * interval '1 millisecond',
        stage = 'queued',
        output = NULL,
        status_reason = 'RELEASED',
        last_error_code = NULL,
        last_error_message = NULL,
        updated_at = l.released_at
    FROM live AS l
    WHERE q.id = l.id
      AND l.is_unstarted
    RETURNING
        q.id, q.job_type, q.run_number, q.attempt + 1 AS released_attempt, q.stage, q.next_run_at,
        l.released_at, l.position
),
attempt AS (
    UPDATE job_attempts AS a
    SET finished_at = r.released_at,
        outcome = 'RELEASED'
    FROM released AS r
    WHERE a.job_id = r.id
      AND a.run_number = r.run_number
      AND a.attempt = r.released_attempt
),
event AS (
    INSERT INTO job_events (
        job_id, run_number, attempt, event_type, stage, payload, occurred_at
    )
    SELECT
        id, run_number, released_attempt, 'REQUEUED', stage,
        jsonb_build_object(
            'reason', %(reason)s::text,
            'requeue_kind', 'BASIC',
            'next_run_at', next_run_at
        ),
        released_at
    FROM released
    ORDER BY position
),
queued AS (
    SELECT job_type, next_run_at
    FROM released
),
/*wake*/
SELECT position, next_run_at, (SELECT count(*) FROM woken) AS woken_count
FROM released
UNION ALL
SELECT position, NULL, 0
FROM live
WHERE NOT is_unstarted
