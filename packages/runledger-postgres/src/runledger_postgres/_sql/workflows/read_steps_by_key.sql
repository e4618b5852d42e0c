-- Read the steps of a run that have these keys, in the order of the keys.
--
-- While a step has not ended, its job says whether it runs, and since when. Locks nothing.
SELECT
    s.id, s.workflow_run_id, s.step_key, s.execution_kind::text AS execution_kind,
    CASE WHEN q.status = 'LEASED' THEN 'RUNNING' ELSE s.status::text END AS status,
    s.job_type, s.organization_id, s.payload, s.priority, s.max_attempts,
    s.timeout_seconds, s.stage, s.job_id, s.output, s.status_reason,
    s.last_error_code, s.last_error_message, s.dependency_count_total,
    s.dependency_count_pending, s.dependency_count_unsatisfied, s.deadline_at,
    s.released_at, COALESCE(s.started_at, q.started_at) AS started_at,
    s.finished_at, s.created_at, s.updated_at
FROM unnest(%(step_keys)s::text[]) WITH ORDINALITY AS wanted (step_key, position)
JOIN workflow_steps AS s
    ON s.workflow_run_id = %(run_id)s
    AND s.step_key = wanted.step_key
LEFT JOIN job_queue AS q
    ON q.id = s.job_id
    AND s.status = 'ENQUEUED'
ORDER BY wanted.position
