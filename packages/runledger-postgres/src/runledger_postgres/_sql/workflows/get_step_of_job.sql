-- Read the step that a job does. Locks nothing.
--
-- While a step has not ended, its job says whether it runs, and since when.
SELECT
    s.id, s.workflow_run_id, s.step_key, s.execution_kind::text AS execution_kind,
    CASE WHEN q.status = 'LEASED' THEN 'RUNNING' ELSE s.status::text END AS status,
    s.job_type, s.organization_id, s.payload, s.priority, s.max_attempts,
    s.timeout_seconds, s.stage, s.job_id, s.output, s.status_reason,
    s.last_error_code, s.last_error_message, s.dependency_count_total,
    s.dependency_count_pending, s.dependency_count_unsatisfied, s.deadline_at,
    s.released_at, COALESCE(s.started_at, q.started_at) AS started_at,
    s.finished_at, s.created_at, s.updated_at
FROM workflow_steps AS s
LEFT JOIN job_queue AS q
    ON q.id = s.job_id
    AND s.status = 'ENQUEUED'
WHERE s.job_id = %(job_id)s
  AND EXISTS (
      SELECT
      FROM workflow_runs
      WHERE id = s.workflow_run_id
        AND /*scope*/
  )
