-- Begin the next run of one ended job, if it is still what the caller saw.
--
-- Locks its job_queue row (rank 2), but only a row that meets the expectations: whoever
-- is refused holds nothing. Found by id twice, since the version that was waited for is
-- newer than the statement's snapshot. A job of a workflow is found and left alone.
-- The next run is not due before each lease that a cancellation cut short would have
-- expired, in whatever run: until then its holder may not know, and two handlers would
-- be at work.
WITH held AS MATERIALIZED (
    SELECT id, run_number
    FROM job_queue
    WHERE id = %(job_id)s
      AND status = %(expected_status)s::text::job_status
      AND run_number = %(expected_run_number)s
      AND /*scope*/
    FOR NO KEY UPDATE
),
moment AS MATERIALIZED (
    SELECT
        h.id, h.run_number,
        EXISTS (
            SELECT
            FROM workflow_steps AS s
            WHERE s.job_id = h.id
        ) AS is_workflow_managed,
        (
            SELECT max((e.payload ->> 'lease_quiesces_at')::timestamptz)
            FROM job_events AS e
            WHERE e.job_id = h.id
              AND e.event_type = 'CANCELED'
        ) AS lease_quiesces_at,
        clock_timestamp() AS requeued_at
    FROM held AS h
),
requeued AS (
    UPDATE job_queue AS q
    SET status = 'PENDING',
        run_number = q.run_number + 1,
        attempt = 0,
        stage = 'queued',
        progress_done = CASE WHEN %(keep_progress)s THEN q.progress_done END,
        progress_total = CASE WHEN %(keep_progress)s THEN q.progress_total END,
        checkpoint = CASE WHEN %(keep_progress)s THEN q.checkpoint END,
        output = NULL,
        next_run_at = GREATEST(m.requeued_at, m.lease_quiesces_at),
        started_at = NULL,
        finished_at = NULL,
        status_reason = %(reason)s::text,
        last_error_code = NULL,
        last_error_message = NULL,
        updated_at = m.requeued_at
    FROM moment AS m
    WHERE q.id = m.id
      AND NOT m.is_workflow_managed
    RETURNING
        q.id, q.job_type, q.organization_id, q.payload, q.status, q.priority,
        q.run_number, q.attempt, q.max_attempts, q.timeout_seconds, q.next_run_at,
        q.lease_expires_at, q.last_heartbeat_at, q.worker_id, q.started_at,
        q.finished_at, q.stage, q.progress_done, q.progress_total, q.progress_pct,
        q.checkpoint, q.output, q.idempotency_key, q.status_reason,
        q.last_error_code, q.last_error_message, q.created_at, q.updated_at,
        m.requeued_at
),
event AS (
    INSERT INTO job_events (job_id, run_number, event_type, payload, occurred_at)
    SELECT
        id, run_number - 1, 'REQUEUED',
        jsonb_build_object(
            'reason', %(reason)s::text,
            'state_policy', CASE
                WHEN %(keep_progress)s THEN 'preserve_progress_and_checkpoint'
                ELSE 'reset_progress_and_checkpoint'
            END,
            'requeue_kind', 'COMPARE_AND_REQUEUE'
        ),
        requeued_at
    FROM requeued
    RETURNING id
)
SELECT
    m.is_workflow_managed,
    (SELECT id FROM event) AS event_id,
    r.id, r.job_type, r.organization_id, r.payload, r.status::text AS status,
    r.priority, r.run_number, r.attempt, r.max_attempts, r.timeout_seconds,
    r.next_run_at, r.lease_expires_at, r.last_heartbeat_at, r.worker_id,
    r.started_at, r.finished_at, r.stage, r.progress_done, r.progress_total,
    r.progress_pct, r.checkpoint, r.output, r.idempotency_key, r.status_reason,
    r.last_error_code, r.last_error_message, r.created_at, r.updated_at
FROM moment AS m
LEFT JOIN requeued AS r ON r.id = m.id
