-- Put the jobs that were taken in on the queue, in the order in which they came, with
-- their ENQUEUED events.
--
-- Locks the definitions FOR SHARE in name order, as enqueue_jobs.sql does. Types without
-- an enabled definition are named and their jobs left out: the caller rolls back.
WITH definition AS MATERIALIZED (
    SELECT job_type, max_attempts, default_timeout_seconds, default_priority
    FROM job_definitions
    WHERE job_type IN (SELECT job_type FROM pg_temp.runledger_copied_jobs)
      AND is_enabled
    ORDER BY job_type
    FOR SHARE
),
inserted AS (
    INSERT INTO job_queue (
        job_type, organization_id, payload, priority, max_attempts, timeout_seconds,
        next_run_at, stage, trace_context
    )
    SELECT
        c.job_type, c.organization_id, c.payload,
        COALESCE(c.priority, d.default_priority),
        COALESCE(c.max_attempts, d.max_attempts),
        COALESCE(c.timeout_seconds, d.default_timeout_seconds),
        COALESCE(c.next_run_at, now()),
        c.stage,
        c.trace_context
    FROM pg_temp.runledger_copied_jobs AS c
    JOIN definition AS d ON d.job_type = c.job_type
    ORDER BY c.ctid
    RETURNING id, job_type, stage
),
event AS (
    INSERT INTO job_events (job_id, run_number, event_type, stage, payload)
    SELECT
        id, 1, 'ENQUEUED', stage, jsonb_build_object('job_type', job_type)
    FROM inserted
)
SELECT
    (SELECT count(*) FROM inserted) AS inserted_count,
    ARRAY(
        SELECT DISTINCT job_type
        FROM pg_temp.runledger_copied_jobs
        WHERE job_type NOT IN (SELECT job_type FROM definition)
        ORDER BY job_type
        LIMIT 10
    ) AS refused_types
