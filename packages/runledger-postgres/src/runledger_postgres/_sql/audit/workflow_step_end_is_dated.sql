-- Find steps that have ended without a date, or have one and go on.
SELECT id
FROM workflow_steps
WHERE (finished_at IS NOT NULL)
    <> (status IN ('SUCCEEDED', 'FAILED', 'CANCELED'))
   OR finished_at < started_at
ORDER BY id
LIMIT %(limit)s
