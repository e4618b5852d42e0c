-- Read how a run of a workflow has ended, or that it has not. Locks nothing.
SELECT status::text AS status, result_step_key, result, status_reason
FROM workflow_runs
WHERE id = %(run_id)s
  AND /*scope*/
