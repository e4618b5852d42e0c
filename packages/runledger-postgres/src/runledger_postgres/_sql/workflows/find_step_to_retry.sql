-- Read a step that is to be retried, and make a key for a retry that brings none.
-- Locks nothing: the caller holds the run's lock (rank 1).
SELECT
    s.id, s.execution_kind::text AS execution_kind, s.status::text AS status, s.job_id,
    'retry_step:' || uuidv7() AS fresh_mutation_key
FROM workflow_steps AS s
WHERE s.workflow_run_id = %(run_id)s
  AND s.step_key = %(step_key)s
