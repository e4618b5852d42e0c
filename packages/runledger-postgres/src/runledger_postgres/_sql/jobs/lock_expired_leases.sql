-- Lock expired leases for the reaper, those that expired first before the others.
--
-- Reads the leased rows only, which are as many as there are jobs running. Locks
-- job_queue rows (rank 2) and waits for none: what somebody else holds is being renewed,
-- ended or reaped. The expiry is tested again on each row that it locks. That a lease was
-- never renewed although the work began hints at a worker that died of the job.
SELECT
    q.id AS job_id, q.job_type, q.organization_id, q.run_number, q.attempt, q.worker_id,
    q.max_attempts, q.lease_expires_at,
    (
        SELECT s.workflow_run_id
        FROM workflow_steps AS s
        WHERE s.job_id = q.id
    ) AS workflow_run_id,
    COALESCE(
        q.stage = 'running' AND q.last_heartbeat_at <= (
            SELECT a.execution_started_persisted_at
            FROM job_attempts AS a
            WHERE a.job_id = q.id
              AND a.run_number = q.run_number
              AND a.attempt = q.attempt
        ),
        FALSE
    ) AS started_without_renewal_heartbeat
FROM job_queue AS q
WHERE q.status = 'LEASED'
  AND q.lease_expires_at <= clock_timestamp()
ORDER BY q.lease_expires_at, q.id
LIMIT %(limit)s
FOR NO KEY UPDATE OF q SKIP LOCKED
