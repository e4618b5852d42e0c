-- Find steps that are not where their job is.
SELECT s.id
FROM workflow_steps AS s
JOIN job_queue AS q ON q.id = s.job_id
WHERE s.status::text <> CASE q.status
        WHEN 'PENDING' THEN 'ENQUEUED'
        WHEN 'LEASED' THEN 'RUNNING'
        WHEN 'SUCCEEDED' THEN 'SUCCEEDED'
        WHEN 'DEAD_LETTERED' THEN 'FAILED'
        WHEN 'CANCELED' THEN 'CANCELED'
    END
   OR (s.job_type, s.organization_id)
       IS DISTINCT FROM (q.job_type, q.organization_id)
   OR (q.status = 'SUCCEEDED' AND s.output IS DISTINCT FROM q.output)
ORDER BY s.id
LIMIT %(limit)s
