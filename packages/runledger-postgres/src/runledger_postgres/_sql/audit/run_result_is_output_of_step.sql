-- Find runs whose result is not the output of the step that they name for it.
SELECT r.id
FROM workflow_runs AS r
LEFT JOIN workflow_steps AS s
    ON s.workflow_run_id = r.id
    AND s.step_key = r.result_step_key
WHERE r.result IS DISTINCT FROM CASE WHEN r.status = 'SUCCEEDED' THEN s.output END
ORDER BY r.id
LIMIT %(limit)s
