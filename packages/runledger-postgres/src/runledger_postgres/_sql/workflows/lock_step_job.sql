-- Lock the job of one step, if it has one.
--
-- Locks the job_queue row (rank 2); the caller holds the lock of its run (rank 1), so that
-- nobody releases the step meanwhile. A statement of its own: the next one sees the claim
-- that was waited for.
SELECT q.id
FROM workflow_steps AS s
JOIN job_queue AS q ON q.id = s.job_id
WHERE s.workflow_run_id = %(run_id)s
  AND s.step_key = %(step_key)s
FOR NO KEY UPDATE OF q
