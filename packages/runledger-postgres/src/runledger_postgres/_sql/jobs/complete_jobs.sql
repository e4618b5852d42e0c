-- End leased attempts, any mix of outcomes: job, attempt, dead letter and events.
--
-- Locks the workflow_runs rows of those that are steps' jobs (rank 1), then job_queue rows
-- (rank 2), both in id order, for a bounded time; or steps over what others hold, and over
-- the jobs of runs that they hold. The sort of the settlements keeps the two apart: it has
-- read all of them, and so locked all runs, before it hands on the first. A lease must be
-- live before the lock and after it: a completion that waited past its expiry is refused,
-- its job belongs to the reaper. The update finds its rows by id: where the lock was waited
-- for, the version that it returns is newer than the statement's snapshot, and a search
-- by place would not see it. Whether a failure is retried is decided here, against the
-- stored max_attempts; of the policy's time and the handler's own the later one counts.
-- A success whose progress would not be valid together with the stored one is left alone
-- and reported, so that one bad row does not fail the batch.
--
-- The rows are locked one by one, by key, in the order of the sorted settlements. A join
-- would go over all leased rows for each settlement whenever the statistics were taken
-- when nothing was leased.
--
-- The steps themselves are ended by later statements, which see what was waited for here:
-- that a job has a step, and which run it belongs to, never changes. The step is looked up
-- settlement by settlement for the same reason as the job.
--
-- What the update returns feeds all the rest: nothing is joined again, since the planner
-- takes each of these sets for one row and would join them in nested loops. The events go
-- in kind by kind, so that those of one job come in their order without a sort.
WITH /*bounded*/
settlement AS (
    SELECT s.*, w.workflow_run_id
    FROM bound
    CROSS JOIN unnest(
        %(job_ids)s::uuid[],
        %(run_numbers)s::integer[],
        %(attempts)s::integer[],
        %(worker_ids)s::text[],
        %(outcomes)s::text[],
        %(outputs)s::text[]::jsonb[],
        %(checkpoints)s::text[]::jsonb[],
        %(progress_done)s::bigint[],
        %(progress_total)s::bigint[],
        %(error_codes)s::text[],
        %(error_messages)s::text[],
        %(error_details)s::text[],
        %(retry_min_ms)s::integer[],
        %(retry_max_ms)s::integer[],
        %(hints_ms)s::integer[],
        %(hints_at)s::timestamptz[]
    ) WITH ORDINALITY AS s (
        job_id, run_number, attempt, worker_id, outcome, output, checkpoint,
        progress_done, progress_total, error_code, error_message, error_detail,
        retry_min_ms, retry_max_ms, hint_ms, hint_at, position
    )
    LEFT JOIN LATERAL (
        SELECT workflow_run_id
        FROM workflow_steps
        WHERE job_id = s.job_id
        OFFSET 0
    ) AS w ON TRUE
),
run AS MATERIALIZED (
    SELECT r.id
    FROM (
        SELECT DISTINCT workflow_run_id
        FROM settlement
        WHERE workflow_run_id IS NOT NULL
        ORDER BY workflow_run_id) AS s
    CROSS JOIN LATERAL (
        SELECT id
        FROM workflow_runs
        WHERE id = s.workflow_run_id
        FOR NO KEY UPDATE /*or skip*/
    ) AS r
),
held AS MATERIALIZED (
    SELECT
        q.id, q.lease_expires_at, q.max_attempts,
        COALESCE(s.checkpoint, q.checkpoint) AS checkpoint,
        COALESCE(s.progress_done, q.progress_done) AS progress_done,
        COALESCE(s.progress_total, q.progress_total) AS progress_total,
        s.position, s.run_number, s.attempt, s.outcome, s.output, s.error_code,
        s.error_message, s.error_detail, s.retry_min_ms, s.retry_max_ms, s.hint_ms,
        s.hint_at, s.workflow_run_id
    FROM (
        SELECT *
        FROM settlement
        WHERE workflow_run_id IS NULL
           OR workflow_run_id IN (SELECT id FROM run)
        ORDER BY job_id) AS s
    CROSS JOIN LATERAL (
        SELECT
            id, lease_expires_at, max_attempts, checkpoint, progress_done,
            progress_total
        FROM job_queue
        WHERE id = s.job_id
          AND run_number = s.run_number
          AND attempt = s.attempt
          AND worker_id = s.worker_id
          AND status = 'LEASED'
          AND lease_expires_at > clock_timestamp()
        FOR NO KEY UPDATE /*or skip*/
    ) AS q
),
live AS MATERIALIZED (
    SELECT
        *,
        clock_timestamp() AS ended_at,
        COALESCE(
            progress_done >= 0 AND progress_done <= progress_total,
            COALESCE(progress_done, 0) >= 0 AND COALESCE(progress_total, 0) >= 0
        ) AS is_progress_valid,
        CASE
            WHEN outcome = 'SUCCEEDED' THEN 'SUCCEEDED'
            WHEN outcome IN ('TERMINAL', 'PANICKED') OR attempt >= max_attempts
                THEN 'DEAD_LETTERED'
            ELSE 'PENDING'
        END AS next_status,
        retry_min_ms
            + floor(random() * (retry_max_ms - retry_min_ms + 1))::integer
            AS drawn_delay_ms
    FROM held
    WHERE lease_expires_at > clock_timestamp()
),
timed AS (
    SELECT
        *,
        ended_at + drawn_delay_ms * interval '1 millisecond' AS drawn_at,
        COALESCE(hint_at, ended_at + hint_ms * interval '1 millisecond') AS not_before
    FROM live
    WHERE outcome <> 'SUCCEEDED' OR is_progress_valid
    LIMIT cardinality(%(job_ids)s::uuid[])
),
updated AS (
    UPDATE job_queue AS q
    SET status = d.next_status::job_status,
        worker_id = NULL,
        lease_expires_at = NULL,
        last_heartbeat_at = NULL,
        finished_at = CASE WHEN d.next_status <> 'PENDING' THEN d.ended_at END,
        next_run_at = CASE
            WHEN d.next_status = 'PENDING'
                THEN GREATEST(d.drawn_at, d.not_before)
            ELSE q.next_run_at
        END,
        stage = CASE d.next_status
            WHEN 'SUCCEEDED' THEN 'completed'
            WHEN 'PENDING' THEN 'queued'
            ELSE q.stage
        END,
        progress_done = d.progress_done,
        progress_total = d.progress_total,
        checkpoint = d.checkpoint,
        output = d.output,
        status_reason = CASE WHEN d.outcome <> 'SUCCEEDED' THEN d.outcome END,
        last_error_code = d.error_code,
        last_error_message = d.error_message,
        updated_at = d.ended_at
    FROM timed AS d
    WHERE q.id = d.id
    RETURNING
        q.id, q.job_type, q.organization_id, q.payload, q.stage, q.next_run_at,
        q.progress_done, q.progress_total, q.checkpoint,
        d.position, d.run_number, d.attempt, d.outcome, d.error_code,
        d.error_message, d.error_detail, d.next_status, d.ended_at, d.not_before,
        d.workflow_run_id,
        COALESCE(d.not_before > d.drawn_at, FALSE) AS is_hint_later,
        -- Whole milliseconds, as far as the column can count them.
        LEAST(
            ceil(
                extract(EPOCH FROM GREATEST(d.drawn_at, d.not_before) - d.ended_at)
                * 1000
            ),
            2147483647
        )::integer AS retry_delay_ms
),
attempt AS (
    UPDATE job_attempts AS a
    SET finished_at = u.ended_at,
        outcome = u.outcome::job_failure_kind,
        error_code = u.error_code,
        error_message = u.error_message,
        error_detail = u.error_detail,
        retry_delay_ms = CASE WHEN u.next_status = 'PENDING' THEN u.retry_delay_ms END
    FROM updated AS u
    WHERE a.job_id = u.id
      AND a.run_number = u.run_number
      AND a.attempt = u.attempt
),
dead_letter AS (
    INSERT INTO job_dead_letters (
        job_id, job_type, organization_id, run_number, attempt, error_code,
        error_message, payload_snapshot, checkpoint_snapshot, failed_at
    )
    SELECT
        id, job_type, organization_id, run_number, attempt, error_code,
        error_message, payload, checkpoint, ended_at
    FROM updated
    WHERE next_status = 'DEAD_LETTERED'
    ON CONFLICT (job_id) DO UPDATE
    SET run_number = EXCLUDED.run_number,
        attempt = EXCLUDED.attempt,
        error_code = EXCLUDED.error_code,
        error_message = EXCLUDED.error_message,
        payload_snapshot = EXCLUDED.payload_snapshot,
        checkpoint_snapshot = EXCLUDED.checkpoint_snapshot,
        failed_at = EXCLUDED.failed_at
),
event AS (
    INSERT INTO job_events (
        job_id, run_number, attempt, event_type, stage, progress_done,
        progress_total, payload, occurred_at
    )
    SELECT
        id, run_number, attempt, 'SUCCEEDED'::job_event_type, stage, progress_done,
        progress_total, '{}'::jsonb, ended_at
    FROM updated
    WHERE outcome = 'SUCCEEDED'
    UNION ALL
    SELECT
        id, run_number, attempt, 'FAILED', NULL, NULL, NULL,
        jsonb_build_object(
            'kind', outcome,
            'error_code', error_code,
            'error_message', error_message
        ),
        ended_at
    FROM updated
    WHERE outcome <> 'SUCCEEDED'
    UNION ALL
    SELECT
        id, run_number, attempt, 'RETRY_SCHEDULED', NULL, NULL, NULL,
        jsonb_strip_nulls(
            jsonb_build_object(
                'retry_delay_ms', retry_delay_ms,
                'requested_retry_not_before', not_before,
                'effective_next_run_at', next_run_at,
                'retry_timing_source',
                CASE WHEN is_hint_later THEN 'HANDLER_NOT_BEFORE' ELSE 'POLICY' END,
                'next_run_at', next_run_at
            )
        ),
        ended_at
    FROM updated
    WHERE next_status = 'PENDING'
    UNION ALL
    SELECT
        id, run_number, attempt, 'DEAD_LETTERED', NULL, NULL, NULL,
        jsonb_build_object('kind', outcome, 'error_code', error_code),
        ended_at
    FROM updated
    WHERE next_status = 'DEAD_LETTERED'
),
-- One row, whether or not anybody waits. NOTIFY serialises commits, so it is sent only
-- where somebody does. IS TRUE keeps the planner from making this a join: it would be of
-- nested loops, kept from a time when nobody waited, and go over all waiters for each job.
told AS MATERIALIZED (
    SELECT
        count(
            pg_notify(
                'runledger_job_terminal',
                json_build_object('job_id', u.id, 'status', u.next_status)::text
            )
        )
    FROM updated AS u
    WHERE u.next_status <> 'PENDING'
      AND u.id = ANY (
          ARRAY(
              SELECT w.target_id
              FROM result_waiters AS w
              WHERE (w.target_id IN (SELECT id FROM updated)) IS TRUE
                AND w.expires_at > clock_timestamp()
          )
      )
),
queued AS (
    SELECT job_type, next_run_at
    FROM updated
    WHERE next_status = 'PENDING'
),
/*wake*/
SELECT
    position, next_status AS status, next_run_at, FALSE AS is_progress_invalid,
    workflow_run_id IS NOT NULL AND next_status <> 'PENDING' AS is_step_ended,
    (SELECT count(*) FROM woken) AS woken_count
FROM updated
CROSS JOIN told
UNION ALL
SELECT position, NULL, NULL, TRUE, FALSE, 0
FROM live
WHERE outcome = 'SUCCEEDED'
  AND NOT is_progress_valid
