-- Gather what decides whether and when one job runs. Locks nothing.
--
-- Jobs before it are counted in claim order up to a cap: those of higher levels of
-- priority, found by skipping through idx_job_queue_claim as a claim does, and the
-- earlier ones of its own level.
WITH RECURSIVE job AS MATERIALIZED (
    SELECT
        id, job_type, status, priority, run_number, attempt, max_attempts,
        next_run_at, worker_id, lease_expires_at, finished_at, status_reason,
        last_error_code,
        status = 'PENDING' AND next_run_at <= statement_timestamp() AS is_due
    FROM job_queue
    WHERE id = %(job_id)s
      AND /*scope*/
),
level AS (
    SELECT job_type, priority
    FROM job
    WHERE is_due
    UNION ALL
    SELECT l.job_type, p.priority
    FROM level AS l
    CROSS JOIN LATERAL (
        SELECT q.priority
        FROM job_queue AS q
        WHERE q.status = 'PENDING'
          AND q.job_type = l.job_type
          AND q.priority > l.priority
        ORDER BY q.priority
        LIMIT 1
    ) AS p
),
ahead AS (
    SELECT count(*) AS job_count
    FROM (
        SELECT
        FROM job AS j
        JOIN level AS l ON l.priority > j.priority
        CROSS JOIN LATERAL (
            SELECT
            FROM job_queue AS q
            WHERE q.status = 'PENDING'
              AND q.job_type = j.job_type
              AND q.priority = l.priority
              AND q.next_run_at <= statement_timestamp()
            ORDER BY q.next_run_at, q.id
            LIMIT %(cap)s::bigint
        ) AS urgent
        UNION ALL
        SELECT
        FROM job AS j
        CROSS JOIN LATERAL (
            SELECT
            FROM job_queue AS q
            WHERE q.status = 'PENDING'
              AND q.job_type = j.job_type
              AND q.priority = j.priority
              AND (q.next_run_at, q.id) < (j.next_run_at, j.id)
            ORDER BY q.next_run_at, q.id
            LIMIT %(cap)s::bigint
        ) AS earlier
        WHERE j.is_due
        LIMIT %(cap)s::bigint
    ) AS counted
)
SELECT
    j.id AS job_id, j.job_type, j.status::text AS status, j.run_number, j.attempt,
    j.max_attempts, j.next_run_at, j.worker_id, j.lease_expires_at, j.finished_at,
    j.status_reason, j.last_error_code,
    d.is_enabled AS is_type_enabled,
    d.paused_at AS type_paused_at,
    (
        SELECT count(*)
        FROM job_workers AS w
        WHERE j.job_type = ANY (w.job_types)
          AND w.expires_at > statement_timestamp()
    ) AS live_worker_count,
    a.job_count AS jobs_ahead,
    s.workflow_run_id, s.step_key AS workflow_step_key,
    statement_timestamp() AS observed_at
FROM job AS j
JOIN job_definitions AS d ON d.job_type = j.job_type
CROSS JOIN ahead AS a
LEFT JOIN workflow_steps AS s ON s.job_id = j.id
