-- End the steps whose jobs have ended, as the jobs did.
--
-- Locks workflow_steps (rank 3) and waits for none; the caller holds the locks of their
-- runs (rank 1) and has ended the jobs. A step that has ended stays as it is.
--
-- Jobs and steps are looked up one by one, and what became of them is looked at
-- afterwards: to a planner that knows of no ended job all of them look like one, and it
-- would go over all that ended since for each batch. The runs' locks keep it as it is,
-- and the steps in their place.
--
-- The ids are read from a row, where the planner does not see how many there are, so that
-- it keeps one plan; see claim_jobs.sql.
WITH asked AS MATERIALIZED (
    SELECT %(job_ids)s::uuid[] AS job_ids
),
job AS MATERIALIZED (
    SELECT w.row_id, q.*
    FROM asked AS a
    CROSS JOIN LATERAL unnest(a.job_ids) AS j (id)
    CROSS JOIN LATERAL (
        SELECT
            status, output, status_reason, last_error_code, last_error_message,
            started_at, finished_at
        FROM job_queue
        WHERE id = j.id
        OFFSET 0
    ) AS q
    CROSS JOIN LATERAL (
        SELECT ctid AS row_id, status
        FROM workflow_steps
        WHERE job_id = j.id
        OFFSET 0
    ) AS w
    WHERE q.finished_at IS NOT NULL
      AND w.status = 'ENQUEUED'
),
ended AS (
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
    FROM job AS q
    WHERE s.ctid = q.row_id
    RETURNING s.id, s.workflow_run_id, s.status::text AS status
)
SELECT
    id, workflow_run_id, status,
    current_setting('transaction_isolation')
        IN ('read committed', 'read uncommitted') AS is_read_committed
FROM ended
ORDER BY id
