-- Find steps with a job before their release, and without one after it.
-- Retention may have taken the job of a step that has ended.
SELECT id
FROM workflow_steps
WHERE (
        execution_kind = 'JOB'
        AND status IN ('ENQUEUED', 'RUNNING')
        AND job_id IS NULL
    )
   OR (job_id IS NOT NULL AND released_at IS NULL)
   OR (execution_kind = 'JOB' AND status = 'WAITING_FOR_EXTERNAL')
   OR (execution_kind = 'EXTERNAL' AND status IN ('ENQUEUED', 'RUNNING'))
ORDER BY id
LIMIT %(limit)s
