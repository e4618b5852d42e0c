-- Find the jobs that own these keys and compare the stored requests with ours.
--
-- The comparison is jsonb equality, here in the database, so that 1.0 equals 1 and
-- the order of keys does not matter. Only the names of differing fields leave it.
-- Two lookups, because NULL-safe equality cannot use the partial unique indexes.
-- Locks the jobs FOR KEY SHARE: retries run side by side, a purge waits.
SELECT
    r.position,
    q.id AS job_id,
    q.status::text AS status,
    q.run_number,
    q.enqueue_request IS NULL AS is_legacy,
    ARRAY(
        SELECT field
        FROM jsonb_object_keys(q.enqueue_request || r.snapshot) AS field
        WHERE q.enqueue_request -> field IS DISTINCT FROM r.snapshot -> field
        ORDER BY field
    ) AS differing_fields
FROM unnest(
    %(positions)s::bigint[],
    %(job_types)s::text[],
    %(organization_ids)s::uuid[],
    %(idempotency_keys)s::text[],
    %(snapshots)s::text[]::jsonb[]
) AS r (position, job_type, organization_id, idempotency_key, snapshot)
JOIN LATERAL (
    SELECT COALESCE(
        (
            SELECT g.id
            FROM job_queue AS g
            WHERE r.organization_id IS NULL
              AND g.organization_id IS NULL
              AND g.job_type = r.job_type
              AND g.idempotency_key = r.idempotency_key
        ),
        (
            SELECT o.id
            FROM job_queue AS o
            WHERE o.organization_id = r.organization_id
              AND o.job_type = r.job_type
              AND o.idempotency_key = r.idempotency_key
        )
    ) AS id
) AS owner ON TRUE
JOIN job_queue AS q ON q.id = owner.id
ORDER BY q.id
FOR KEY SHARE OF q
