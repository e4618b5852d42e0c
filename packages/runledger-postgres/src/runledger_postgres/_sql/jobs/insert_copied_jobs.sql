-- Put the jobs that were taken in on the queue, in the order in which they came, with
-- their ENQUEUED events. Ids are made of one uuidv7(), as in enqueue_jobs.sql; the table
-- is read from its start, since it is the session's own, so rows are numbered as they came.
--
-- Locks the definitions FOR SHARE in name order, as enqueue_jobs.sql does. Types without
-- an enabled definition are named and their jobs left out: the caller rolls back. Wakes
-- sleepers for what is due.
WITH base AS MATERIALIZED (
    SELECT
        left(drawn, 24) AS head,
        ('x8' || right(drawn, 11))::bit(48)::bigint AS tail
    FROM CAST(uuidv7() AS text) AS drawn
),
definition AS MATERIALIZED (
    SELECT job_type, max_attempts, default_timeout_seconds, default_priority
    FROM job_definitions
    WHERE job_type IN (SELECT job_type FROM pg_temp.runledger_copied_jobs)
      AND is_enabled
    ORDER BY job_type
    FOR SHARE
),
inserted AS (
    INSERT INTO job_queue (
        id, job_type, organization_id, payload, priority, max_attempts,
        timeout_seconds, next_run_at, stage, trace_context
    )
    SELECT
        (b.head || to_hex(b.tail + c.position))::uuid,
        c.job_type, c.organization_id, c.payload,
        COALESCE(c.priority, d.default_priority),
        COALESCE(c.max_attempts, d.max_attempts),
        COALESCE(c.timeout_seconds, d.default_timeout_seconds),
        COALESCE(c.next_run_at, now()),
        c.stage,
        c.trace_context
    FROM (
        SELECT *, row_number() OVER () AS position
        FROM pg_temp.runledger_copied_jobs
    ) AS c
    CROSS JOIN base AS b
    JOIN definition AS d ON d.job_type = c.job_type
    RETURNING id, job_type, stage, next_run_at
),
event AS (
    INSERT INTO job_events (job_id, run_number, event_type, stage, payload)
    SELECT
        id, 1, 'ENQUEUED', stage, jsonb_build_object('job_type', job_type)
    FROM inserted
),
queued AS (
    SELECT job_type, next_run_at
    FROM inserted
),
/*wake*/
SELECT
    (SELECT count(*) FROM inserted) AS inserted_count,
    (SELECT count(*) FROM woken) AS woken_count,
    ARRAY(
        SELECT DISTINCT job_type
        FROM pg_temp.runledger_copied_jobs
        WHERE job_type NOT IN (SELECT job_type FROM definition)
        ORDER BY job_type
        LIMIT 10
    ) AS refused_types
