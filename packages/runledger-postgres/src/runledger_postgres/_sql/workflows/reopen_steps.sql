-- Reopen a step whose job begins its next run, and all that was canceled because of it:
-- the steps that needed its success, those that needed theirs, and in a run with
-- fail_fast what the fault stopped.
--
-- What was released before and stopped is enqueued again with its job; everything else is
-- blocked again, and recount_steps.sql says what for. Steps that ran although a
-- prerequisite of theirs had not succeeded stay as they are. Locks workflow_steps
-- (rank 3) and waits for none; the caller holds the run's lock (rank 1).
WITH RECURSIVE reopened AS (
    SELECT s.id
    FROM workflow_steps AS s
    WHERE s.workflow_run_id = %(run_id)s
      AND (
          s.id = %(step_id)s
          OR (s.status = 'CANCELED' AND s.last_error_code = %(fail_fast_code)s)
      )
    UNION
    SELECT s.id
    FROM reopened AS r
    JOIN workflow_step_dependencies AS d ON d.prerequisite_step_id = r.id
    JOIN workflow_steps AS s ON s.id = d.dependent_step_id
    WHERE s.status = 'CANCELED'
      AND s.released_at IS NULL
      AND s.last_error_code = %(unsatisfied_code)s
),
changed AS (
    UPDATE workflow_steps AS s
    SET status = CASE
            WHEN s.job_id = ANY (%(job_ids)s::uuid[]) THEN 'ENQUEUED'
            ELSE 'BLOCKED'
        END::workflow_step_status,
        released_at = CASE
            WHEN s.job_id = ANY (%(job_ids)s::uuid[]) THEN s.released_at
        END,
        output = NULL,
        status_reason = NULL,
        last_error_code = NULL,
        last_error_message = NULL,
        started_at = NULL,
        finished_at = NULL,
        updated_at = clock_timestamp()
    FROM reopened AS r
    WHERE s.id = r.id
    RETURNING s.id, s.step_key, s.status::text AS status
)
SELECT id, step_key, status
FROM changed
ORDER BY id
