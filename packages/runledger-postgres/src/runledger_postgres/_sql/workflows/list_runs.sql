-- A page of the runs that are global, that belong to an organization, or of both, newest
-- first: ids are time-ordered, so the cursor is the last id seen. Locks nothing.
--
-- Statuses and workflow types are few. The types are found by skipping through each index
-- from one to the next. Each status and type gives its newest ids out of an index that has
-- them in this order, and the newest of all are the page: what is read does not grow with
-- the ledger. Runs that go on have one index, whatever their status, so that those in the
-- other status are walked over.
WITH RECURSIVE unfinished_type AS (
    (
        SELECT workflow_type
        FROM workflow_runs
        WHERE finished_at IS NULL
          AND %(unfinished_statuses)s::text[] <> '{}'
          AND workflow_type >= COALESCE(%(workflow_type)s::text, '')
        ORDER BY workflow_type
        LIMIT 1
    )
    UNION ALL
    SELECT n.workflow_type
    FROM unfinished_type AS t
    CROSS JOIN LATERAL (
        SELECT r.workflow_type
        FROM workflow_runs AS r
        WHERE r.finished_at IS NULL
          AND r.workflow_type > t.workflow_type
        ORDER BY r.workflow_type
        LIMIT 1
    ) AS n
    WHERE %(workflow_type)s::text IS NULL
),
ended_type AS (
    SELECT s.status::workflow_run_status AS status, n.workflow_type
    FROM unnest(%(ended_statuses)s::text[]) AS s (status)
    CROSS JOIN LATERAL (
        SELECT r.workflow_type
        FROM workflow_runs AS r
        WHERE r.status = s.status::workflow_run_status
          AND r.finished_at IS NOT NULL
          AND r.workflow_type >= COALESCE(%(workflow_type)s::text, '')
        ORDER BY r.workflow_type
        LIMIT 1
    ) AS n
    UNION ALL
    SELECT t.status, n.workflow_type
    FROM ended_type AS t
    CROSS JOIN LATERAL (
        SELECT r.workflow_type
        FROM workflow_runs AS r
        WHERE r.status = t.status
          AND r.finished_at IS NOT NULL
          AND r.workflow_type > t.workflow_type
        ORDER BY r.workflow_type
        LIMIT 1
    ) AS n
    WHERE %(workflow_type)s::text IS NULL
),
found AS (
    SELECT u.id
    FROM unfinished_type AS t
    CROSS JOIN unnest(%(globalities)s::boolean[]) AS g (is_global)
    CROSS JOIN LATERAL (
        SELECT id
        FROM workflow_runs
        WHERE finished_at IS NULL
          AND status::text = ANY (%(unfinished_statuses)s::text[])
          AND workflow_type = t.workflow_type
          AND (organization_id IS NULL, id) < (g.is_global, %(before_id)s::uuid)
          AND (organization_id IS NULL, id) >= (
              g.is_global, '00000000-0000-0000-0000-000000000000'::uuid
          )
        ORDER BY organization_id IS NULL DESC, id DESC
        LIMIT %(limit)s
    ) AS u
    WHERE t.workflow_type = COALESCE(%(workflow_type)s::text, t.workflow_type)
    UNION ALL
    SELECT e.id
    FROM ended_type AS t
    CROSS JOIN unnest(%(globalities)s::boolean[]) AS g (is_global)
    CROSS JOIN LATERAL (
        SELECT id
        FROM workflow_runs
        WHERE status = t.status
          AND finished_at IS NOT NULL
          AND workflow_type = t.workflow_type
          AND (organization_id IS NULL, id) < (g.is_global, %(before_id)s::uuid)
          AND (organization_id IS NULL, id) >= (
              g.is_global, '00000000-0000-0000-0000-000000000000'::uuid
          )
        ORDER BY organization_id IS NULL DESC, id DESC
        LIMIT %(limit)s
    ) AS e
    WHERE t.workflow_type = COALESCE(%(workflow_type)s::text, t.workflow_type)
)
SELECT
    id, workflow_type, organization_id, status::text AS status, status_reason,
    idempotency_key, fail_fast, result_step_key, step_count, ended_step_count,
    enqueued_step_count, waiting_step_count, unsuccessful_step_count, started_at,
    finished_at, created_at, updated_at
FROM workflow_runs
WHERE id = ANY (ARRAY(SELECT id FROM found ORDER BY id DESC LIMIT %(limit)s))
ORDER BY id DESC
