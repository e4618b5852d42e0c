-- Cancel all steps of these runs that have not ended, and count them by what they were.
--
-- Locks workflow_steps (rank 3) and waits for none; the caller holds the runs' locks
-- (rank 1) and has ended the steps' jobs.
WITH open AS MATERIALIZED (
    SELECT s.id, s.workflow_run_id, s.status, s.job_id, t.reason
    FROM unnest(%(run_ids)s::uuid[], %(reasons)s::text[]) AS t (run_id, reason)
    JOIN workflow_steps AS s ON s.workflow_run_id = t.run_id
    WHERE s.status IN ('BLOCKED', 'ENQUEUED', 'WAITING_FOR_EXTERNAL')
),
canceled AS (
    UPDATE workflow_steps AS s
    SET status = 'CANCELED',
        status_reason = o.reason,
        last_error_code = %(code)s,
        last_error_message = %(message)s,
        deadline_at = NULL,
        started_at = q.started_at,
        finished_at = COALESCE(q.finished_at, clock_timestamp()),
        updated_at = clock_timestamp()
    FROM open AS o
    LEFT JOIN job_queue AS q ON q.id = o.job_id
    WHERE s.id = o.id
    RETURNING o.workflow_run_id, o.status
)
SELECT
    workflow_run_id,
    count(*) AS ended_count,
    count(*) FILTER (WHERE status = 'ENQUEUED') AS enqueued_count,
    count(*) FILTER (WHERE status = 'WAITING_FOR_EXTERNAL') AS waiting_count
FROM canceled
GROUP BY workflow_run_id
