-- Insert one job without a key, with its ENQUEUED event: enqueue_jobs.sql for the plainest
-- request, which is the most frequent. To get ready for many requests takes PostgreSQL
-- longer than to insert one.
--
-- Locks the definition FOR SHARE: disabling it waits for us, or we see it disabled, and
-- then nothing is inserted and no row returned. In a transaction of our own the wait has a
-- bound. It is told whether somebody sleeps for the type, as by enqueue_jobs.sql.
WITH /*bounded*/
definition AS MATERIALIZED (
    SELECT job_type, max_attempts, default_timeout_seconds, default_priority
    FROM bound
    CROSS JOIN job_definitions
    WHERE job_type = %(job_type)s
      AND is_enabled
    FOR SHARE OF job_definitions
),
inserted AS (
    INSERT INTO job_queue (
        job_type, organization_id, payload, priority, max_attempts, timeout_seconds,
        next_run_at, stage, trace_context
    )
    SELECT
        job_type, %(organization_id)s::uuid, %(payload)s::text::jsonb,
        COALESCE(%(priority)s::integer, default_priority),
        COALESCE(%(max_attempts)s::integer, max_attempts),
        COALESCE(%(timeout_seconds)s::integer, default_timeout_seconds),
        COALESCE(%(next_run_at)s::timestamptz, now()),
        %(stage)s::text, %(trace_context)s::text::jsonb
    FROM definition
    RETURNING id, job_type, stage
),
event AS (
    INSERT INTO job_events (job_id, run_number, event_type, stage, payload)
    SELECT id, 1, 'ENQUEUED', stage, jsonb_build_object('job_type', job_type)
    FROM inserted
)
SELECT
    id AS job_id,
    EXISTS (
        SELECT
        FROM job_workers AS w
        WHERE w.asleep_since IS NOT NULL
          AND job_type = ANY (w.wakes_for)
    ) AS has_sleepers
FROM inserted
