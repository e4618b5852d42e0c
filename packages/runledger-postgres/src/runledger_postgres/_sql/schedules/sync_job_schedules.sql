-- Write those of a catalog's schedules that differ from the stored ones. Those whose job
-- type has no definition are left out; list_synced_schedules.sql finds them.
--
-- Locks only the rows that it writes, in the order of their names, and their definitions
-- FOR KEY SHARE by their keys. A schedule that was deactivated in the database stays so
-- unless the catalog's word is to be restored. Whose a schedule is stays as stored, and
-- the cursor moves only with the expression, as in upsert_job_schedule.sql.
INSERT INTO job_schedules AS s (
    id, name, job_type, organization_id, payload_template, cron_expr, is_active,
    next_fire_at, max_jitter_seconds, misfire_policy, misfire_limit, overlap_policy,
    created_by_user_id
)
SELECT
    w.id, w.name, w.job_type, w.organization_id, w.payload_template, w.cron_expr,
    w.is_active, w.next_fire_at, w.max_jitter_seconds, w.misfire_policy,
    w.misfire_limit, w.overlap_policy, w.created_by_user_id
FROM unnest(
    %(schedule_ids)s::uuid[],
    %(names)s::text[],
    %(job_types)s::text[],
    %(organization_ids)s::uuid[],
    %(payload_templates)s::text[]::jsonb[],
    %(cron_exprs)s::text[],
    %(are_active)s::boolean[],
    %(next_fires_at)s::timestamptz[],
    %(max_jitters_seconds)s::integer[],
    %(misfire_policies)s::text[],
    %(misfire_limits)s::integer[],
    %(overlap_policies)s::text[],
    %(created_by_user_ids)s::uuid[]
) AS w (
    id, name, job_type, organization_id, payload_template, cron_expr, is_active,
    next_fire_at, max_jitter_seconds, misfire_policy, misfire_limit, overlap_policy,
    created_by_user_id
)
JOIN job_definitions AS d ON d.job_type = w.job_type
LEFT JOIN job_schedules AS x ON x.name = w.name
WHERE (
    x.job_type, x.payload_template, x.cron_expr, x.timezone, x.max_jitter_seconds,
    x.misfire_policy, x.misfire_limit, x.overlap_policy, x.is_active
) IS DISTINCT FROM (
    w.job_type, w.payload_template, w.cron_expr, 'UTC', w.max_jitter_seconds,
    w.misfire_policy, w.misfire_limit, w.overlap_policy,
    w.is_active AND (x.is_active OR %(restore_active)s)
)
ORDER BY w.name
ON CONFLICT (name) DO UPDATE
SET job_type = EXCLUDED.job_type,
    payload_template = EXCLUDED.payload_template,
    cron_expr = EXCLUDED.cron_expr,
    timezone = 'UTC',
    is_active = EXCLUDED.is_active AND (s.is_active OR %(restore_active)s),
    max_jitter_seconds = EXCLUDED.max_jitter_seconds,
    misfire_policy = EXCLUDED.misfire_policy,
    misfire_limit = EXCLUDED.misfire_limit,
    overlap_policy = EXCLUDED.overlap_policy,
    deferred_until = NULL,
    next_fire_at = CASE
        WHEN s.cron_expr <> EXCLUDED.cron_expr THEN EXCLUDED.next_fire_at
        ELSE s.next_fire_at
    END
RETURNING name
