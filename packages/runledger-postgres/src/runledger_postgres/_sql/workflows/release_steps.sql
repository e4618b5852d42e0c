-- Release steps: enqueue the jobs of those that workers carry out, open the gates, and
-- count both for each run.
--
-- Only blocked steps that wait for nothing are released, so a repeat does nothing.
-- The run's lock (rank 1), which the caller holds, is what keeps the steps as they were
-- read. Locks workflow_steps (rank 3) and inserts jobs (rank 4): nobody can hold any of
-- them against us, and nothing is waited for. Each step was inserted or counted anew
-- earlier in this transaction, so it stays, and by its key to it the definition of its job.
-- Jobs get their ids in the order of their steps, and so are claimed in that order.
-- Wakes sleepers for them.
WITH ready AS MATERIALIZED (
    SELECT
        id, workflow_run_id, execution_kind, job_type, organization_id, payload,
        priority, max_attempts, timeout_seconds, stage, deadline_seconds,
        CASE WHEN execution_kind = 'JOB' THEN uuidv7() END AS job_id
    FROM workflow_steps
    WHERE id = ANY (%(step_ids)s::uuid[])
      AND status = 'BLOCKED'
      AND dependency_count_pending = 0
      AND dependency_count_unsatisfied = 0
    ORDER BY id
),
job AS (
    INSERT INTO job_queue (
        id, job_type, organization_id, payload, priority, max_attempts,
        timeout_seconds, stage
    )
    SELECT
        job_id, job_type, organization_id, payload, priority, max_attempts,
        timeout_seconds, stage
    FROM ready
    WHERE job_id IS NOT NULL
    RETURNING id, job_type, stage, next_run_at
),
event AS (
    INSERT INTO job_events (job_id, run_number, event_type, stage, payload)
    SELECT id, 1, 'ENQUEUED', stage, jsonb_build_object('job_type', job_type)
    FROM job
),
released AS (
    UPDATE workflow_steps AS s
    SET status = CASE
            WHEN r.job_id IS NULL THEN 'WAITING_FOR_EXTERNAL'
            ELSE 'ENQUEUED'
        END::workflow_step_status,
        job_id = r.job_id,
        released_at = now(),
        deadline_at = now() + make_interval(secs => r.deadline_seconds),
        updated_at = now()
    FROM ready AS r
    WHERE s.id = r.id
),
queued AS (
    SELECT job_type, next_run_at
    FROM job
),
/*wake*/
SELECT
    workflow_run_id,
    count(job_id) AS enqueued_count,
    count(*) - count(job_id) AS waiting_count,
    (SELECT count(*) FROM woken) AS woken_count
FROM ready
GROUP BY workflow_run_id
ORDER BY workflow_run_id
