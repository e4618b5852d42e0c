-- Insert jobs with their ENQUEUED events, all requests in one statement.
--
-- Locks the definitions FOR SHARE in name order: disabling one waits for us, or we
-- see it disabled. Keyed rows go in by key, so that two batches that share keys wait
-- for each other in one order. In a transaction of our own each wait has a bound. A key
-- that exists, or comes twice in the batch, is not inserted; match_existing_jobs.sql
-- then compares the requests, with a new snapshot that sees what was committed while we
-- waited. That needs READ COMMITTED, hence accepts_keys. To be ready for a key that exists
-- costs a tenth of an insert, so jobs without one take another way.
--
-- One uuidv7() serves them all, since each reads the system's random numbers, which took a
-- tenth of the statement's time. The ids share its first 24 characters, the time and 14
-- random bits, and count up from 44 more behind an 8, which leaves room for 2^46 jobs before
-- a thirteenth digit. Two statements of 1,000 jobs that begin at the same tick of its clock,
-- a quarter of a microsecond, share an id once in 2^47, and the key then refuses the second.
-- JSON is cast row by row: arrays of jsonb would be made only to be taken apart.
-- Whether somebody sleeps for these types is one look at a table of a page; to wake them
-- takes a statement of its own, which a busy system is spared.
WITH /*bounded*/
session AS (
    SELECT current_setting('transaction_isolation')
        IN ('read committed', 'read uncommitted') AS accepts_keys
),
base AS MATERIALIZED (
    SELECT
        left(drawn, 24) AS head,
        ('x8' || right(drawn, 11))::bit(48)::bigint AS tail
    FROM CAST(uuidv7() AS text) AS drawn
),
definition AS MATERIALIZED (
    SELECT
        job_type, max_attempts, default_timeout_seconds, default_priority,
        jsonb_build_object('job_type', job_type) AS event_payload
    FROM bound
    CROSS JOIN job_definitions
    WHERE job_type = ANY (%(wanted_types)s::text[])
      AND is_enabled
    ORDER BY job_type
    FOR SHARE OF job_definitions
),
request AS MATERIALIZED (
    SELECT
        (b.head || to_hex(b.tail + r.position))::uuid AS id,
        r.job_type, r.organization_id, r.payload::jsonb AS payload,
        COALESCE(r.priority, d.default_priority) AS priority,
        COALESCE(r.max_attempts, d.max_attempts) AS max_attempts,
        COALESCE(r.timeout_seconds, d.default_timeout_seconds) AS timeout_seconds,
        COALESCE(r.next_run_at, now()) AS next_run_at,
        r.idempotency_key, r.stage, r.snapshot::jsonb AS snapshot,
        r.trace_context::jsonb AS trace_context, r.position,
        d.event_payload, d.job_type IS NOT NULL AS is_defined
    FROM base AS b
    CROSS JOIN unnest(
        %(job_types)s::text[],
        %(organization_ids)s::uuid[],
        %(payloads)s::text[],
        %(priorities)s::integer[],
        %(max_attempts)s::integer[],
        %(timeouts_seconds)s::integer[],
        %(next_runs_at)s::timestamptz[],
        %(idempotency_keys)s::text[],
        %(stages)s::text[],
        %(snapshots)s::text[],
        %(trace_contexts)s::text[]
    ) WITH ORDINALITY AS r (
        job_type, organization_id, payload, priority, max_attempts, timeout_seconds,
        next_run_at, idempotency_key, stage, snapshot, trace_context, position
    )
    LEFT JOIN definition AS d ON d.job_type = r.job_type
),
inserted_plain AS (
    INSERT INTO job_queue (
        id, job_type, organization_id, payload, priority, max_attempts,
        timeout_seconds, next_run_at, stage, trace_context
    )
    SELECT
        id, job_type, organization_id, payload, priority, max_attempts,
        timeout_seconds, next_run_at, stage, trace_context
    FROM request
    WHERE idempotency_key IS NULL
      AND is_defined
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
    FROM request
    CROSS JOIN session
    WHERE idempotency_key IS NOT NULL
      AND is_defined
      AND accepts_keys
    ORDER BY job_type, organization_id, idempotency_key, position
    ON CONFLICT DO NOTHING
    RETURNING id
),
missing AS MATERIALIZED (
    SELECT r.id, r.position
    FROM request AS r
    LEFT JOIN inserted_keyed AS i ON i.id = r.id
    WHERE i.id IS NULL
      AND (r.idempotency_key IS NOT NULL OR NOT r.is_defined)
),
event AS (
    INSERT INTO job_events (job_id, run_number, event_type, stage, payload)
    SELECT id, 1, 'ENQUEUED', stage, event_payload
    FROM request
    WHERE id NOT IN (SELECT id FROM missing)
)
SELECT
    ARRAY(SELECT id FROM request ORDER BY position) AS job_ids,
    ARRAY(SELECT position - 1 FROM missing ORDER BY position) AS missing,
    ARRAY(SELECT job_type FROM definition) AS defined_types,
    accepts_keys,
    EXISTS (
        SELECT
        FROM job_workers
        WHERE asleep_since IS NOT NULL
          AND wakes_for && %(wanted_types)s::text[]
    ) AS has_sleepers
FROM session
