-- End the steps whose jobs have ended, as the jobs did.
--
-- Locks workflow_steps (rank 3) and waits for none; the caller holds the locks of their
-- runs (rank 1) and has ended the jobs. A step that has ended stays as it is.
WITH ended AS (
    UPDATE workflow_steps AS s
    SET status = CASE q.status
            WHEN 'SUCCEEDED' THEN 'SUCCEEDED'
            WHEN 'DEAD_LETTERED' THEN 'FAILED'
            WHEN 'CANCELED' THEN 'CANCELED'
        END::workflow_step_status,
        output = q.output,
        status_reason = q.status_reason,
        last_error_code = q.last_error_code,
        last_error_message = q.last_error_message,
        started_at = q.started_at,
        finished_at = q.finished_at,
        updated_at = q.finished_at
    FROM job_queue AS q
    WHERE s.job_id = ANY (%(job_ids)s::uuid[])
      AND q.id = s.job_id
      AND q.finished_at IS NOT NULL
      AND s.status = 'ENQUEUED'
    RETURNING s.id, s.workflow_run_id, s.status::text AS status
)
SELECT
    id, workflow_run_id, status,
    current_setting('transaction_isolation')
        IN ('read committed', 'read uncommitted') AS is_read_committed
FROM ended
ORDER BY id
