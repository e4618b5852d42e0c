-- Insert runs whose steps come with the next statements of the transaction, and answer for
-- each request in order. Their counters and their status are those that they have when
-- their first steps are released. Ids are made here and grow in the order of the requests.
--
-- Waits for whoever inserts a run under one of the keys, bounded in a transaction of our
-- own; the keys are taken in their own order, so that two batches do not wait in a ring.
-- When a key has a run, or comes twice, no run is inserted for it; match_existing_runs.sql
-- then compares the requests, with a new snapshot that sees what was committed while we
-- waited. That needs READ COMMITTED, hence accepts_keys. Nobody else sees the new rows, so
-- that they are locked (rank 1) for all that follows.
WITH /*bounded*/
session AS (
    SELECT current_setting('transaction_isolation')
        IN ('read committed', 'read uncommitted') AS accepts_keys
    FROM bound
),
request AS MATERIALIZED (
    SELECT uuidv7() AS id, r.*
    FROM unnest(
        %(workflow_types)s::text[],
        %(organization_ids)s::uuid[],
        %(idempotency_keys)s::text[],
        %(metadata)s::text[]::jsonb[],
        %(fail_fasts)s::boolean[],
        %(result_step_keys)s::text[],
        %(snapshots)s::text[]::jsonb[],
        %(step_counts)s::integer[],
        %(enqueued_counts)s::integer[],
        %(waiting_counts)s::integer[]
    ) WITH ORDINALITY AS r (
        workflow_type, organization_id, idempotency_key, metadata, fail_fast,
        result_step_key, snapshot, step_count, enqueued_count, waiting_count, position
    )
),
inserted AS (
    INSERT INTO workflow_runs (
        id, workflow_type, organization_id, status, idempotency_key, metadata,
        fail_fast, result_step_key, enqueue_request, step_count, enqueued_step_count,
        waiting_step_count
    )
    SELECT
        r.id, r.workflow_type, r.organization_id,
        CASE
            WHEN r.enqueued_count > 0 THEN 'RUNNING'
            ELSE 'WAITING_FOR_EXTERNAL'
        END::workflow_run_status,
        r.idempotency_key, r.metadata, r.fail_fast, r.result_step_key, r.snapshot,
        r.step_count, r.enqueued_count, r.waiting_count
    FROM session AS s
    CROSS JOIN request AS r
    WHERE r.idempotency_key IS NULL OR s.accepts_keys
    ORDER BY r.workflow_type, r.organization_id, r.idempotency_key, r.position
    ON CONFLICT DO NOTHING
    RETURNING
        id, workflow_type, organization_id, status::text AS status, status_reason,
        idempotency_key, metadata, fail_fast, result_step_key, result, step_count,
        ended_step_count, enqueued_step_count, waiting_step_count,
        unsuccessful_step_count, started_at, finished_at, created_at, updated_at
)
SELECT s.accepts_keys, i.*
FROM session AS s
CROSS JOIN request AS r
LEFT JOIN inserted AS i ON i.id = r.id
ORDER BY r.position
