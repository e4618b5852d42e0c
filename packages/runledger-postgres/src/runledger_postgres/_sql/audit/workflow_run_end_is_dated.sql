-- Find runs that have ended without a date, or have one and go on.
SELECT id
FROM workflow_runs
WHERE (finished_at IS NOT NULL)
    <> (status IN ('SUCCEEDED', 'COMPLETED_WITH_ERRORS', 'CANCELED'))
   OR finished_at < started_at
ORDER BY id
LIMIT %(limit)s
