-- End a gate that is open; no row comes back when the step is not one.
--
-- Updates one workflow_steps row (rank 3). The caller has locked the run's row (rank 1),
-- in a statement before this one, so nobody else ends the gate meanwhile.
UPDATE workflow_steps
SET status = %(status)s::workflow_step_status,
    output = %(output)s::jsonb,
    status_reason = %(reason)s::text,
    last_error_code = %(error_code)s::text,
    last_error_message = %(error_message)s::text,
    deadline_at = NULL,
    finished_at = clock_timestamp()
WHERE workflow_run_id = %(run_id)s
  AND step_key = %(step_key)s
  AND execution_kind = 'EXTERNAL'
  AND status = 'WAITING_FOR_EXTERNAL'
RETURNING
    id, workflow_run_id, step_key, execution_kind::text AS execution_kind,
    status::text AS status, job_type, organization_id, payload, priority, max_attempts,
    timeout_seconds, stage, job_id, output, status_reason, last_error_code,
    last_error_message, dependency_count_total, dependency_count_pending,
    dependency_count_unsatisfied, deadline_at, released_at, started_at, finished_at,
    created_at, updated_at
