-- Find the run that owns a key and compare the stored request with ours.
--
-- The comparison is jsonb equality, here in the database, so that 1.0 equals 1 and the
-- order of keys does not matter. Only the names of what differs leave it: fields of the
-- request, and the first of the steps that are not the same.
-- Two lookups, because NULL-safe equality cannot use the partial unique indexes.
-- Locks the run FOR KEY SHARE: retries run side by side, a purge waits, and the run moves
-- on meanwhile.
WITH request AS MATERIALIZED (
    SELECT %(snapshot)s::jsonb AS snapshot
),
owner AS MATERIALIZED (
    SELECT COALESCE(
        (
            SELECT id
            FROM workflow_runs
            WHERE %(organization_id)s::uuid IS NULL
              AND organization_id IS NULL
              AND workflow_type = %(workflow_type)s
              AND idempotency_key = %(idempotency_key)s
        ),
        (
            SELECT id
            FROM workflow_runs
            WHERE organization_id = %(organization_id)s::uuid
              AND workflow_type = %(workflow_type)s
              AND idempotency_key = %(idempotency_key)s
        )
    ) AS id
)
SELECT
    r.id, r.workflow_type, r.organization_id, r.status::text AS status,
    r.status_reason, r.idempotency_key, r.metadata, r.fail_fast, r.result_step_key,
    r.result, r.step_count, r.ended_step_count, r.enqueued_step_count,
    r.waiting_step_count, r.unsuccessful_step_count, r.started_at, r.finished_at,
    r.created_at, r.updated_at,
    r.enqueue_request IS NULL AS is_legacy,
    ARRAY(
        SELECT field
        FROM jsonb_object_keys(r.enqueue_request || q.snapshot) AS field
        WHERE r.enqueue_request -> field IS DISTINCT FROM q.snapshot -> field
        ORDER BY field
    ) AS differing_fields,
    ARRAY(
        SELECT COALESCE(theirs.step ->> 'step_key', ours.step ->> 'step_key')
        FROM jsonb_array_elements(r.enqueue_request -> 'steps') AS theirs (step)
        FULL JOIN jsonb_array_elements(q.snapshot -> 'steps') AS ours (step)
            ON ours.step ->> 'step_key' = theirs.step ->> 'step_key'
        WHERE r.enqueue_request -> 'steps' <> q.snapshot -> 'steps'
          AND ours.step IS DISTINCT FROM theirs.step
        ORDER BY 1
        LIMIT %(shown_steps)s
    ) AS differing_steps
FROM request AS q
CROSS JOIN owner AS o
JOIN workflow_runs AS r ON r.id = o.id
FOR KEY SHARE OF r
