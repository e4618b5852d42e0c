-- Cancel the jobs of all steps of these runs that have not ended: jobs, open attempts and
-- CANCELED events, as jobs/cancel_job.sql does for one.
--
-- The job_queue rows (rank 2) are locked already, by lock_step_jobs.sql.
WITH moment AS MATERIALIZED (
    SELECT
        q.id, t.reason,
        CASE WHEN q.status = 'LEASED' THEN q.lease_expires_at END AS lease_quiesces_at,
        clock_timestamp() AS ended_at
    FROM unnest(%(run_ids)s::uuid[], %(reasons)s::text[]) AS t (run_id, reason)
    JOIN workflow_steps AS s ON s.workflow_run_id = t.run_id
    JOIN job_queue AS q ON q.id = s.job_id
    WHERE s.status = 'ENQUEUED'
      AND q.status IN ('PENDING', 'LEASED')
),
canceled AS (
    UPDATE job_queue AS q
    SET status = 'CANCELED',
        worker_id = NULL,
        lease_expires_at = NULL,
        last_heartbeat_at = NULL,
        finished_at = m.ended_at,
        output = NULL,
        status_reason = m.reason,
        updated_at = m.ended_at
    FROM moment AS m
    WHERE q.id = m.id
    RETURNING
        q.id, q.run_number, q.attempt, q.finished_at, m.reason, m.lease_quiesces_at
),
attempt AS (
    UPDATE job_attempts AS a
    SET finished_at = c.finished_at,
        outcome = 'CANCELED'
    FROM canceled AS c
    WHERE a.job_id = c.id
      AND a.run_number = c.run_number
      AND a.attempt = c.attempt
      AND a.finished_at IS NULL
),
-- See jobs/complete_jobs.sql.
told AS MATERIALIZED (
    SELECT
        count(
            pg_notify(
                'runledger_job_terminal',
                json_build_object('job_id', c.id, 'status', 'CANCELED')::text
            )
        )
    FROM canceled AS c
    WHERE c.id = ANY (
        ARRAY(
            SELECT w.target_id
            FROM result_waiters AS w
            WHERE (w.target_id IN (SELECT id FROM canceled)) IS TRUE
              AND w.expires_at > clock_timestamp()
        )
    )
)
INSERT INTO job_events (job_id, run_number, attempt, event_type, payload, occurred_at)
SELECT
    id, run_number, NULLIF(attempt, 0), 'CANCELED',
    jsonb_build_object('reason', reason)
        || CASE
            WHEN lease_quiesces_at IS NULL THEN '{}'::jsonb
            ELSE jsonb_build_object('lease_quiesces_at', lease_quiesces_at)
        END,
    finished_at
FROM canceled
CROSS JOIN told
ORDER BY id
