-- Insert jobs with their ENQUEUED events, all requests in one statement.
--
-- Locks the definitions FOR SHARE in name order: disabling one waits for us, or we
-- see it disabled. Keyed rows go in by key, so that two batches that share keys wait
-- for each other in one order. In a transaction of our own each wait has a bound. A key
-- that exists, or comes twice in the batch, is not inserted; match_existing_jobs.sql
-- then compares the requests, with a new snapshot that sees what was committed while we
-- waited. That needs READ COMMITTED, hence accepts_keys. To be ready for a key that exists
-- costs a tenth of an insert, so jobs without one take another way.
-- Whether somebody sleeps for these types is one look at a table of a page; to wake them
-- takes a statement of its own, which a busy system is spared.
WITH /*bounded*/
session AS (
    SELECT current_setting('transaction_isolation')
        IN ('read committed', 'read uncommitted') AS accepts_keys
),
request AS MATERIALIZED (
    SELECT uuidv7() AS id, r.*
    FROM unnest(
        %(job_types)s::text[],
        %(organization_ids)s::uuid[],
        %(payloads)s::text[]::jsonb[],
        %(priorities)s::integer[],
        %(max_attempts)s::integer[],
        %(timeouts_seconds)s::integer[],
        %(next_runs_at)s::timestamptz[],
        %(idempotency_keys)s::text[],
        %(stages)s::text[],
        %(snapshots)s::text[]::jsonb[],
        %(trace_contexts)s::text[]::jsonb[]
    ) WITH ORDINALITY AS r (
        job_type, organization_id, payload, priority, max_attempts, timeout_seconds,
        next_run_at, idempotency_key, stage, snapshot, trace_context, position
    )
),
definition AS MATERIALIZED (
    SELECT job_type, max_attempts, default_timeout_seconds, default_priority
    FROM bound
    CROSS JOIN job_definitions
    WHERE job_type = ANY (%(wanted_types)s::text[])
      AND is_enabled
    ORDER BY job_type
    FOR SHARE OF job_definitions
),
accepted AS (
    SELECT
        r.id, r.job_type, r.organization_id, r.payload,
        COALESCE(r.priority, d.default_priority) AS priority,
        COALESCE(r.max_attempts, d.max_attempts) AS max_attempts,
        COALESCE(r.timeout_seconds, d.default_timeout_seconds) AS timeout_seconds,
        COALESCE(r.next_run_at, now()) AS next_run_at,
        r.idempotency_key, r.stage, r.snapshot, r.trace_context, r.position
    FROM request AS r
    JOIN definition AS d ON d.job_type = r.job_type
),
inserted_plain AS (
    INSERT INTO job_queue (
        id, job_type, organization_id, payload, priority, max_attempts,
        timeout_seconds, next_run_at, stage, trace_context
    )
    SELECT
        id, job_type, organization_id, payload, priority, max_attempts,
        timeout_seconds, next_run_at, stage, trace_context
    FROM accepted
    WHERE idempotency_key IS NULL
    ORDER BY position
    RETURNING id, job_type, stage
),
inserted_keyed AS (
    INSERT INTO job_queue (
        id, job_type, organization_id, payload, priority, max_attempts,
        timeout_seconds, next_run_at, idempotency_key, stage, enqueue_request,
        trace_context
    )
    SELECT
        id, job_type, organization_id, payload, priority, max_attempts,
        timeout_seconds, next_run_at, idempotency_key, stage, snapshot,
        trace_context
    FROM accepted
    CROSS JOIN session
    WHERE idempotency_key IS NOT NULL
      AND accepts_keys
    ORDER BY job_type, organization_id, idempotency_key, position
    ON CONFLICT DO NOTHING
    RETURNING id, job_type, stage
),
inserted AS MATERIALIZED (
    SELECT id, job_type, stage
    FROM inserted_plain
    UNION ALL
    SELECT id, job_type, stage
    FROM inserted_keyed
),
event AS (
    INSERT INTO job_events (job_id, run_number, event_type, stage, payload)
    SELECT
        id, 1, 'ENQUEUED', stage, jsonb_build_object('job_type', job_type)
    FROM inserted
)
SELECT
    r.position,
    r.id AS job_id,
    i.id IS NOT NULL AS is_inserted,
    d.job_type IS NOT NULL AS is_defined,
    s.accepts_keys,
    EXISTS (
        SELECT
        FROM job_workers AS w
        WHERE w.asleep_since IS NOT NULL
          AND w.wakes_for && %(wanted_types)s::text[]
    ) AS has_sleepers
FROM request AS r
CROSS JOIN session AS s
LEFT JOIN definition AS d ON d.job_type = r.job_type
LEFT JOIN inserted AS i ON i.id = r.id
ORDER BY r.position
