-- Find steps that wait for nothing, or were released while something was pending.
SELECT id
FROM workflow_steps
WHERE NOT CASE
    WHEN status = 'BLOCKED' THEN
        dependency_count_pending > 0
        AND released_at IS NULL
    WHEN status IN ('WAITING_FOR_EXTERNAL', 'ENQUEUED', 'RUNNING') THEN
        dependency_count_pending = 0
        AND dependency_count_unsatisfied = 0
        AND released_at IS NOT NULL
    ELSE TRUE
END
ORDER BY id
LIMIT %(limit)s
