-- Find the runs that own these keys and compare the stored requests with ours.
--
-- The comparison is jsonb equality, here in the database, so that 1.0 equals 1 and the
-- order of keys does not matter. Only the names of what differs leave it: fields of the
-- request, and the first of the steps that are not the same.
-- Two lookups, because NULL-safe equality cannot use the partial unique indexes.
-- Locks the runs FOR KEY SHARE: retries run side by side, a purge waits, and the runs move
-- on meanwhile.
SELECT
    q.position,
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
FROM unnest(
    %(positions)s::bigint[],
    %(workflow_types)s::text[],
    %(organization_ids)s::uuid[],
    %(idempotency_keys)s::text[],
    %(snapshots)s::text[]::jsonb[]
) AS q (position, workflow_type, organization_id, idempotency_key, snapshot)
JOIN LATERAL (
    SELECT COALESCE(
        (
            SELECT g.id
            FROM workflow_runs AS g
            WHERE q.organization_id IS NULL
              AND g.organization_id IS NULL
              AND g.workflow_type = q.workflow_type
              AND g.idempotency_key = q.idempotency_key
        ),
        (
            SELECT o.id
            FROM workflow_runs AS o
            WHERE o.organization_id = q.organization_id
              AND o.workflow_type = q.workflow_type
              AND o.idempotency_key = q.idempotency_key
        )
    ) AS id
) AS owner ON TRUE
JOIN workflow_runs AS r ON r.id = owner.id
ORDER BY r.id
FOR KEY SHARE OF r
