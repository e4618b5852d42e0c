-- Lock the jobs of all steps of these runs that have not ended.
--
-- Locks job_queue rows (rank 2) in id order; the caller holds the runs' locks (rank 1).
-- Whoever holds one of these jobs without its run's lock waits for nothing meanwhile, so
-- waiting for it is safe. A statement of its own: the next one sees the attempt of a
-- claim that was waited for.
SELECT q.id
FROM workflow_steps AS s
JOIN job_queue AS q ON q.id = s.job_id
WHERE s.workflow_run_id = ANY (%(run_ids)s::uuid[])
  AND s.status = 'ENQUEUED'
ORDER BY q.id
FOR NO KEY UPDATE OF q
