-- Find jobs of workflow steps that were requeued around their workflow.
SELECT q.id
FROM workflow_steps AS s
JOIN job_queue AS q ON q.id = s.job_id
WHERE q.run_number > 1
ORDER BY q.id
LIMIT %(limit)s
