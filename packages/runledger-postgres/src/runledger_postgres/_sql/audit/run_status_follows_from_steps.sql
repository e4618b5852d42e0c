-- Find runs whose status is not what their steps add up to.
-- A run with nothing but blocked steps goes on by no means, so it fits no status. A
-- canceled run stays canceled, and everything in it has ended.
SELECT r.id
FROM workflow_runs AS r
JOIN workflow_steps AS s ON s.workflow_run_id = r.id
GROUP BY r.id
HAVING r.status::text IS DISTINCT FROM CASE
    WHEN bool_or(s.status IN ('ENQUEUED', 'RUNNING')) THEN 'RUNNING'
    WHEN bool_or(s.status = 'WAITING_FOR_EXTERNAL') THEN 'WAITING_FOR_EXTERNAL'
    WHEN bool_or(s.status = 'BLOCKED') THEN NULL
    WHEN r.status = 'CANCELED' THEN 'CANCELED'
    WHEN bool_or(s.status IN ('FAILED', 'CANCELED')) THEN 'COMPLETED_WITH_ERRORS'
    ELSE 'SUCCEEDED'
END
ORDER BY r.id
LIMIT %(limit)s
