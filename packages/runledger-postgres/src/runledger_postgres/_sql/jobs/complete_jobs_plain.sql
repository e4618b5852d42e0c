-- End leased attempts of which all succeeded and none reports progress or a checkpoint:
-- complete_jobs.sql for the plainest outcomes, which are the most frequent. To be ready
-- for retries and dead letters takes a quarter of that statement's time.
--
-- Whoever does not expect steps of workflows lets the statement commit by itself: then it
-- does nothing when any of the jobs is one, and says so. That a job has a step never
-- changes, so the next call expects it. What is expected is read from a row, where the
-- planner does not see it, as in claim_jobs.sql; and behind a limit that it does not know
-- it expects one job, so that it does not plan each batch anew.
--
-- Locks the workflow_runs rows of steps' jobs (rank 1), then job_queue rows (rank 2), both
-- in id order, for a bounded time, or steps over what others hold. Leases, locks, the
-- search by id and who is told are as in complete_jobs.sql.
WITH /*bounded*/
asked AS MATERIALIZED (
    SELECT %(ends_steps)s::boolean AS ends_steps
),
settlement AS MATERIALIZED (
    SELECT s.*, w.workflow_run_id
    FROM bound
    CROSS JOIN unnest(
        %(job_ids)s::uuid[],
        %(run_numbers)s::integer[],
        %(attempts)s::integer[],
        %(worker_ids)s::text[],
        %(outputs)s::text[]::jsonb[]
    ) WITH ORDINALITY AS s (
        job_id, run_number, attempt, worker_id, output, position
    )
    LEFT JOIN LATERAL (
        SELECT workflow_run_id
        FROM workflow_steps
        WHERE job_id = s.job_id
        OFFSET 0
    ) AS w ON TRUE
    LIMIT cardinality(%(job_ids)s::uuid[])
),
unexpected AS MATERIALIZED (
    SELECT
    FROM asked AS a
    JOIN settlement AS s ON s.workflow_run_id IS NOT NULL
    WHERE NOT a.ends_steps
    LIMIT 1
),
run AS MATERIALIZED (
    SELECT r.id
    FROM (
        SELECT DISTINCT workflow_run_id
        FROM settlement
        WHERE workflow_run_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM unexpected)
        ORDER BY workflow_run_id) AS s
    CROSS JOIN LATERAL (
        SELECT id
        FROM workflow_runs
        WHERE id = s.workflow_run_id
        FOR NO KEY UPDATE /*or skip*/
    ) AS r
),
held AS MATERIALIZED (
    SELECT q.id, q.lease_expires_at, s.output, s.position, s.workflow_run_id
    FROM (
        SELECT *
        FROM settlement
        WHERE NOT EXISTS (SELECT FROM unexpected)
          AND (
              workflow_run_id IS NULL
              OR workflow_run_id IN (SELECT id FROM run)
          )
        ORDER BY job_id) AS s
    CROSS JOIN LATERAL (
        SELECT id, lease_expires_at
        FROM job_queue
        WHERE id = s.job_id
          AND run_number = s.run_number
          AND attempt = s.attempt
          AND worker_id = s.worker_id
          AND status = 'LEASED'
          AND lease_expires_at > clock_timestamp()
        FOR NO KEY UPDATE /*or skip*/
    ) AS q
),
updated AS (
    UPDATE job_queue AS q
    SET status = 'SUCCEEDED',
        worker_id = NULL,
        lease_expires_at = NULL,
        last_heartbeat_at = NULL,
        finished_at = h.ended_at,
        stage = 'completed',
        output = h.output,
        status_reason = NULL,
        last_error_code = NULL,
        last_error_message = NULL,
        updated_at = h.ended_at
    FROM (
        SELECT id, output, position, workflow_run_id, clock_timestamp() AS ended_at
        FROM held
        WHERE lease_expires_at > clock_timestamp()
    ) AS h
    WHERE q.id = h.id
    RETURNING
        q.id, q.run_number, q.attempt, q.stage, q.progress_done, q.progress_total,
        q.finished_at, h.position, h.workflow_run_id IS NOT NULL AS is_step
),
attempt AS (
    UPDATE job_attempts AS a
    SET finished_at = u.finished_at,
        outcome = 'SUCCEEDED'
    FROM updated AS u
    WHERE a.job_id = u.id
      AND a.run_number = u.run_number
      AND a.attempt = u.attempt
),
event AS (
    INSERT INTO job_events (
        job_id, run_number, attempt, event_type, stage, progress_done, progress_total,
        occurred_at
    )
    SELECT
        id, run_number, attempt, 'SUCCEEDED', stage, progress_done, progress_total,
        finished_at
    FROM updated
),
told AS MATERIALIZED (
    SELECT
        count(
            pg_notify(
                'runledger_job_terminal',
                json_build_object('job_id', u.id, 'status', 'SUCCEEDED')::text
            )
        )
    FROM updated AS u
    WHERE u.id = ANY (
        ARRAY(
            SELECT w.target_id
            FROM result_waiters AS w
            WHERE (w.target_id IN (SELECT id FROM updated)) IS TRUE
              AND w.expires_at > clock_timestamp()
        )
    )
)
SELECT position, is_step
FROM updated
CROSS JOIN told
UNION ALL
SELECT NULL, TRUE
FROM unexpected
