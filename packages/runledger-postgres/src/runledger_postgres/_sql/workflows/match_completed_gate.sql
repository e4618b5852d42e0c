-- Find a step that could not be completed as a gate, and compare how it ended with how
-- it was to end.
--
-- Outputs are compared as jsonb, here in the database, so that 1.0 equals 1 and the
-- order of keys does not matter. Locks nothing: the caller has locked the run's row.
SELECT
    id, workflow_run_id, step_key, execution_kind::text AS execution_kind,
    status::text AS status, job_type, organization_id, payload, priority, max_attempts,
    timeout_seconds, stage, job_id, output, status_reason, last_error_code,
    last_error_message, dependency_count_total, dependency_count_pending,
    dependency_count_unsatisfied, deadline_at, released_at, started_at, finished_at,
    created_at, updated_at,
    (status_reason, last_error_code, last_error_message)
        IS NOT DISTINCT FROM
        (%(reason)s::text, %(error_code)s::text, %(error_message)s::text)
        AS has_same_reason,
    output IS NOT DISTINCT FROM %(output)s::jsonb AS has_same_output
FROM workflow_steps
WHERE workflow_run_id = %(run_id)s
  AND step_key = %(step_key)s
