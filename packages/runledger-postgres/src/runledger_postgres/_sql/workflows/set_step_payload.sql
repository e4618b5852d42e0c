-- Replace the payload of one step that nobody has begun, and that of its job if it has one
-- by now; say what kept us from it otherwise.
--
-- The caller holds the locks of the run (rank 1) and of the job (rank 2), so that the rows
-- that are judged are the rows that are written. Locks the workflow_steps row (rank 3).
WITH judged AS MATERIALIZED (
    SELECT
        s.id, s.job_id,
        CASE
            WHEN s.status IN ('BLOCKED', 'WAITING_FOR_EXTERNAL') THEN 'UPDATED'
            WHEN s.status = 'ENQUEUED' AND q.status = 'PENDING' THEN 'UPDATED'
            ELSE 'NOT_PENDING_OR_CLAIMED'
        END AS disposition
    FROM workflow_steps AS s
    LEFT JOIN job_queue AS q ON q.id = s.job_id
    WHERE s.workflow_run_id = %(run_id)s
      AND s.step_key = %(step_key)s
),
step AS (
    UPDATE workflow_steps AS s
    SET payload = %(payload)s::text::jsonb,
        updated_at = clock_timestamp()
    FROM judged AS j
    WHERE s.id = j.id
      AND j.disposition = 'UPDATED'
),
job AS (
    UPDATE job_queue AS q
    SET payload = %(payload)s::text::jsonb,
        updated_at = clock_timestamp()
    FROM judged AS j
    WHERE q.id = j.job_id
      AND q.status = 'PENDING'
      AND j.disposition = 'UPDATED'
)
SELECT disposition
FROM judged
