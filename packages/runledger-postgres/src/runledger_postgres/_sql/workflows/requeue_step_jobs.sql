-- Begin the next run of a failed step's job, and of the jobs that were canceled because
-- of it in a run with fail_fast.
--
-- Locks job_queue rows (rank 2) in id order; the caller holds the run's lock (rank 1),
-- without which nobody changes an ended job of it. As in jobs/requeue_job.sql the next
-- run is not due before each lease that a cancellation cut short would have expired.
WITH wanted AS (
    SELECT s.job_id
    FROM workflow_steps AS s
    WHERE s.workflow_run_id = %(run_id)s
      AND s.job_id IS NOT NULL
      AND (
          s.id = %(step_id)s
          OR (s.status = 'CANCELED' AND s.last_error_code = %(fail_fast_code)s)
      )
),
held AS MATERIALIZED (
    SELECT q.id
    FROM (SELECT job_id FROM wanted ORDER BY job_id) AS w
    CROSS JOIN LATERAL (
        SELECT id
        FROM job_queue
        WHERE id = w.job_id
          AND finished_at IS NOT NULL
        FOR NO KEY UPDATE
    ) AS q
),
moment AS MATERIALIZED (
    SELECT
        h.id,
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
    RETURNING q.id, q.run_number, m.requeued_at
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
            'requeue_kind', 'RETRY_STEP',
            'mutation_key', %(mutation_key)s::text
        ),
        requeued_at
    FROM requeued
    ORDER BY id
)
SELECT id
FROM requeued
ORDER BY id
