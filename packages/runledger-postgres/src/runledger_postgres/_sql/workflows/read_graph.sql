-- Read a run with all its steps, and with each step its edges and its job's attempts,
-- in one statement: what a picture shows is one moment. Locks nothing.
--
-- One row a step in the order of insertion, each with the run's columns before the
-- step's. Lists of a step come as arrays, a column each.
WITH run AS MATERIALIZED (
    SELECT
        id, workflow_type, status::text AS status, status_reason, result_step_key,
        created_at, finished_at
    FROM workflow_runs
    WHERE id = %(run_id)s
      AND /*scope*/
)
SELECT
    r.workflow_type, r.status AS run_status, r.status_reason AS run_status_reason,
    r.result_step_key, r.created_at AS run_created_at,
    r.finished_at AS run_finished_at, statement_timestamp() AS observed_at,
    s.id, s.step_key, s.execution_kind::text AS execution_kind,
    CASE WHEN q.status = 'LEASED' THEN 'RUNNING' ELSE s.status::text END AS status,
    s.job_type, s.created_at, s.released_at,
    COALESCE(s.started_at, q.started_at) AS started_at, s.finished_at, s.deadline_at,
    e.prerequisite_ids, e.release_modes, e.passes_outputs,
    a.run_numbers, a.attempts, a.starts, a.ends, a.outcomes
FROM run AS r
JOIN workflow_steps AS s ON s.workflow_run_id = r.id
LEFT JOIN job_queue AS q
    ON q.id = s.job_id
    AND s.status = 'ENQUEUED'
CROSS JOIN LATERAL (
    SELECT
        COALESCE(array_agg(d.prerequisite_step_id), '{}') AS prerequisite_ids,
        COALESCE(array_agg(d.release_mode::text), '{}') AS release_modes,
        COALESCE(array_agg(d.passes_output), '{}') AS passes_outputs
    FROM (
        SELECT prerequisite_step_id, release_mode, passes_output
        FROM workflow_step_dependencies
        WHERE dependent_step_id = s.id
        ORDER BY prerequisite_step_id
    ) AS d
) AS e
CROSS JOIN LATERAL (
    SELECT
        COALESCE(array_agg(j.run_number), '{}') AS run_numbers,
        COALESCE(array_agg(j.attempt), '{}') AS attempts,
        COALESCE(array_agg(j.started_at), '{}') AS starts,
        COALESCE(array_agg(j.finished_at), '{}') AS ends,
        COALESCE(array_agg(j.outcome::text), '{}') AS outcomes
    FROM (
        SELECT run_number, attempt, started_at, finished_at, outcome
        FROM job_attempts
        WHERE job_id = s.job_id
        ORDER BY run_number, attempt
    ) AS j
) AS a
ORDER BY s.id
