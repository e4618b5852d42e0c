-- Insert a run whose steps come with the next statements of the transaction. Its counters
-- and its status are those that it has when its first steps are released.
--
-- Waits for whoever inserts a run under the same key, bounded in a transaction of our
-- own. When the key has a run, nothing is inserted; match_existing_run.sql then compares
-- the requests, with a new snapshot that sees what was committed while we waited. That
-- needs READ COMMITTED, hence accepts_keys. Nobody else sees the new row, so that it is
-- locked (rank 1) for all that follows.
WITH /*bounded*/
session AS (
    SELECT current_setting('transaction_isolation')
        IN ('read committed', 'read uncommitted') AS accepts_keys
    FROM bound
),
inserted AS (
    INSERT INTO workflow_runs (
        workflow_type, organization_id, status, idempotency_key, metadata, fail_fast,
        result_step_key, enqueue_request, step_count, enqueued_step_count,
        waiting_step_count
    )
    SELECT
        %(workflow_type)s::text,
        %(organization_id)s::uuid,
        CASE
            WHEN %(enqueued_count)s::integer > 0 THEN 'RUNNING'
            ELSE 'WAITING_FOR_EXTERNAL'
        END::workflow_run_status,
        %(idempotency_key)s::text,
        %(metadata)s::jsonb,
        %(fail_fast)s::boolean,
        %(result_step_key)s::text,
        %(snapshot)s::jsonb,
        %(step_count)s::integer,
        %(enqueued_count)s::integer,
        %(waiting_count)s::integer
    FROM session
    WHERE %(idempotency_key)s::text IS NULL OR accepts_keys
    ON CONFLICT DO NOTHING
    RETURNING
        id, workflow_type, organization_id, status::text AS status, status_reason,
        idempotency_key, metadata, fail_fast, result_step_key, result, step_count,
        ended_step_count, enqueued_step_count, waiting_step_count,
        unsuccessful_step_count, started_at, finished_at, created_at, updated_at
)
SELECT s.accepts_keys, i.*
FROM session AS s
LEFT JOIN inserted AS i ON TRUE
