-- Find steps that are not where their job is.
-- A released step is ENQUEUED until it ends, whatever its job does meanwhile; then it
-- takes over how and when the job ended.
SELECT s.id
FROM workflow_steps AS s
JOIN job_queue AS q ON q.id = s.job_id
WHERE s.status::text <> CASE q.status
        WHEN 'PENDING' THEN 'ENQUEUED'
        WHEN 'LEASED' THEN 'ENQUEUED'
        WHEN 'SUCCEEDED' THEN 'SUCCEEDED'
        WHEN 'DEAD_LETTERED' THEN 'FAILED'
        WHEN 'CANCELED' THEN 'CANCELED'
    END
   OR (s.job_type, s.organization_id)
       IS DISTINCT FROM (q.job_type, q.organization_id)
   OR (
       q.finished_at IS NULL
       AND (s.started_at IS NOT NULL OR s.finished_at IS NOT NULL)
   )
   OR (
       q.finished_at IS NOT NULL
       AND (s.started_at, s.finished_at)
           IS DISTINCT FROM (q.started_at, q.finished_at)
   )
   OR (q.status = 'SUCCEEDED' AND s.output IS DISTINCT FROM q.output)
ORDER BY s.id
LIMIT %(limit)s
