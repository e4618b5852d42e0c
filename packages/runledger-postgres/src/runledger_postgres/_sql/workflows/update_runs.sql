-- Add to the counters of runs, work out their statuses from them, and tell those who wait
-- for the runs that ended by it.
--
-- Their rows are locked already (rank 1). A run goes on while a worker or somebody outside
-- has a step of it; blocked steps wait for one of those. A canceled run stays canceled. A
-- run that ends unsuccessfully names the first step that did so by itself, not those that
-- were canceled because of it; that reads all its steps, once.
WITH delta AS (
    SELECT *
    FROM unnest(
        %(run_ids)s::uuid[],
        %(added)s::integer[],
        %(ended)s::integer[],
        %(unsuccessful)s::integer[],
        %(enqueued)s::integer[],
        %(waiting)s::integer[]
    ) AS d (run_id, added, ended, unsuccessful, enqueued, waiting)
),
moved AS MATERIALIZED (
    SELECT
        r.id, r.fail_fast, r.result_step_key, r.finished_at AS previous_end,
        r.status_reason,
        d.added, d.ended, d.unsuccessful, d.enqueued, d.waiting,
        CASE
            WHEN r.status = 'CANCELED' THEN 'CANCELED'
            WHEN r.enqueued_step_count + d.enqueued > 0 THEN 'RUNNING'
            WHEN r.waiting_step_count + d.waiting > 0 THEN 'WAITING_FOR_EXTERNAL'
            WHEN r.unsuccessful_step_count + d.unsuccessful > 0
                THEN 'COMPLETED_WITH_ERRORS'
            ELSE 'SUCCEEDED'
        END AS next_status
    FROM delta AS d
    JOIN workflow_runs AS r ON r.id = d.run_id
),
updated AS (
    UPDATE workflow_runs AS r
    SET status = m.next_status::workflow_run_status,
        step_count = r.step_count + m.added,
        ended_step_count = r.ended_step_count + m.ended,
        unsuccessful_step_count = r.unsuccessful_step_count + m.unsuccessful,
        enqueued_step_count = r.enqueued_step_count + m.enqueued,
        waiting_step_count = r.waiting_step_count + m.waiting,
        status_reason = CASE m.next_status
            WHEN 'CANCELED' THEN m.status_reason
            WHEN 'COMPLETED_WITH_ERRORS' THEN (
                SELECT
                    CASE WHEN m.fail_fast THEN 'fail_fast: ' ELSE '' END
                    || 'step "' || s.step_key
                    || CASE s.status
                        WHEN 'FAILED' THEN '" failed'
                        ELSE '" was canceled'
                    END
                FROM workflow_steps AS s
                WHERE s.workflow_run_id = m.id
                  AND s.status IN ('FAILED', 'CANCELED')
                  AND (
                      -- A handler may use these codes for its own failure.
                      s.status = 'FAILED'
                      OR COALESCE(s.last_error_code, '') NOT IN (
                          'workflow.dependency_unsatisfied', 'workflow.fail_fast'
                      )
                  )
                ORDER BY s.finished_at, s.id
                LIMIT 1
            )
        END,
        result = CASE m.next_status
            WHEN 'SUCCEEDED' THEN (
                SELECT s.output
                FROM workflow_steps AS s
                WHERE s.workflow_run_id = m.id
                  AND s.step_key = m.result_step_key
            )
        END,
        finished_at = CASE
            WHEN m.next_status IN ('RUNNING', 'WAITING_FOR_EXTERNAL') THEN NULL
            ELSE COALESCE(m.previous_end, clock_timestamp())
        END,
        updated_at = clock_timestamp()
    FROM moved AS m
    WHERE r.id = m.id
    RETURNING r.id, r.finished_at, m.previous_end, m.next_status
)
SELECT
    pg_notify(
        'runledger_workflow_run_terminal',
        json_build_object('workflow_run_id', u.id, 'status', u.next_status)::text
    )
FROM updated AS u
WHERE u.finished_at IS NOT NULL
  AND u.previous_end IS NULL
  AND u.id = ANY (
      ARRAY(
          SELECT w.target_id
          FROM result_waiters AS w
          WHERE (w.target_id IN (SELECT id FROM updated)) IS TRUE
            AND w.expires_at > clock_timestamp()
      )
  )
