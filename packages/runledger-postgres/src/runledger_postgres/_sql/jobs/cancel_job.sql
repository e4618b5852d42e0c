-- Cancel one job that has not ended: job, open attempt and CANCELED event.
--
-- Locks its job_queue row (rank 2), which lock_job.sql has locked before, so that the
-- attempt of a claim that was waited for is seen. A lease ends here and now; when it
-- would have expired is kept in the event, because its holder may be at work until then
-- and must not meet the next run.
WITH moment AS MATERIALIZED (
    SELECT
        id,
        CASE WHEN status = 'LEASED' THEN lease_expires_at END AS lease_quiesces_at,
        clock_timestamp() AS ended_at
    FROM job_queue
    WHERE id = %(job_id)s
      AND status IN ('PENDING', 'LEASED')
      AND /*scope*/
),
canceled AS (
    UPDATE job_queue AS q
    SET status = 'CANCELED',
        worker_id = NULL,
        lease_expires_at = NULL,
        last_heartbeat_at = NULL,
        finished_at = m.ended_at,
        output = NULL,
        status_reason = COALESCE(%(reason)s::text, 'CANCELED'),
        updated_at = m.ended_at
    FROM moment AS m
    WHERE q.id = m.id
      AND q.status IN ('PENDING', 'LEASED')
    RETURNING
        q.id, q.job_type, q.organization_id, q.payload, q.status, q.priority,
        q.run_number, q.attempt, q.max_attempts, q.timeout_seconds, q.next_run_at,
        q.lease_expires_at, q.last_heartbeat_at, q.worker_id, q.started_at,
        q.finished_at, q.stage, q.progress_done, q.progress_total, q.progress_pct,
        q.checkpoint, q.output, q.idempotency_key, q.status_reason,
        q.last_error_code, q.last_error_message, q.created_at, q.updated_at,
        m.lease_quiesces_at
),
attempt AS (
    UPDATE job_attempts AS a
    SET finished_at = c.finished_at,
        outcome = 'CANCELED'
    FROM canceled AS c
    WHERE a.job_id = c.id
      AND a.run_number = c.run_number
      AND a.attempt = c.attempt
      AND a.finished_at IS NULL
),
event AS (
    INSERT INTO job_events (
        job_id, run_number, attempt, event_type, payload, occurred_at
    )
    SELECT
        id, run_number, NULLIF(attempt, 0), 'CANCELED',
        jsonb_build_object('reason', %(reason)s::text)
            || CASE
                WHEN lease_quiesces_at IS NULL THEN '{}'::jsonb
                ELSE jsonb_build_object('lease_quiesces_at', lease_quiesces_at)
            END,
        finished_at
    FROM canceled
),
told AS MATERIALIZED (
    SELECT
        count(
            pg_notify(
                'runledger_job_terminal',
                json_build_object('job_id', c.id, 'status', c.status)::text
            )
        )
    FROM canceled AS c
    JOIN result_waiters AS w ON w.target_id = c.id
    WHERE w.expires_at > c.finished_at
)
SELECT
    id, job_type, organization_id, payload, status::text AS status, priority,
    run_number, attempt, max_attempts, timeout_seconds, next_run_at,
    lease_expires_at, last_heartbeat_at, worker_id, started_at, finished_at, stage,
    progress_done, progress_total, progress_pct, checkpoint, output, idempotency_key,
    status_reason, last_error_code, last_error_message, created_at, updated_at
FROM canceled
CROSS JOIN told
