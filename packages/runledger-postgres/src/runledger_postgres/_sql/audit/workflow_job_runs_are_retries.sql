-- Find jobs of workflow steps that were requeued around their workflow.
SELECT q.id
FROM workflow_steps AS s
JOIN job_queue AS q ON q.id = s.job_id
WHERE q.run_number <> 1 + (
    SELECT count(*)
    FROM workflow_run_mutations AS m
    WHERE m.workflow_run_id = s.workflow_run_id
      AND m.mutation_kind = 'RETRY_STEP'
      AND m.request -> 'requeued_steps' ? s.step_key
)
ORDER BY q.id
LIMIT %(limit)s
