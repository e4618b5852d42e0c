-- Write one schedule by its name; one that already says the same is left alone and not
-- returned, and so is one whose job type has no definition.
--
-- Whether it is active and whose it is stay as stored: that is the operator's. The
-- cursor moves only with the expression. Locks the schedule's row, and the definition
-- FOR KEY SHARE by its key.
INSERT INTO job_schedules AS s (
    id, name, job_type, organization_id, payload_template, cron_expr, is_active,
    next_fire_at, max_jitter_seconds, misfire_policy, misfire_limit, overlap_policy,
    created_by_user_id
)
SELECT
    %(schedule_id)s, %(name)s, d.job_type, %(organization_id)s::uuid,
    %(payload_template)s::text::jsonb, %(cron_expr)s, %(is_active)s,
    %(next_fire_at)s, %(max_jitter_seconds)s, %(misfire_policy)s, %(misfire_limit)s,
    %(overlap_policy)s, %(created_by_user_id)s::uuid
FROM job_definitions AS d
WHERE d.job_type = %(job_type)s
ON CONFLICT (name) DO UPDATE
SET job_type = EXCLUDED.job_type,
    payload_template = EXCLUDED.payload_template,
    cron_expr = EXCLUDED.cron_expr,
    timezone = 'UTC',
    max_jitter_seconds = EXCLUDED.max_jitter_seconds,
    misfire_policy = EXCLUDED.misfire_policy,
    misfire_limit = EXCLUDED.misfire_limit,
    overlap_policy = EXCLUDED.overlap_policy,
    deferred_until = NULL,
    next_fire_at = CASE
        WHEN s.cron_expr <> EXCLUDED.cron_expr THEN EXCLUDED.next_fire_at
        ELSE s.next_fire_at
    END
WHERE (
    s.job_type, s.payload_template, s.cron_expr, s.timezone, s.max_jitter_seconds,
    s.misfire_policy, s.misfire_limit, s.overlap_policy
) IS DISTINCT FROM (
    EXCLUDED.job_type, EXCLUDED.payload_template, EXCLUDED.cron_expr, 'UTC',
    EXCLUDED.max_jitter_seconds, EXCLUDED.misfire_policy, EXCLUDED.misfire_limit,
    EXCLUDED.overlap_policy
)
RETURNING
    id, name, job_type, organization_id, payload_template, cron_expr, timezone,
    is_active, next_fire_at, deferred_until, last_fired_at, last_skipped_at,
    last_job_id, last_error_code, last_error_message, last_error_at,
    max_jitter_seconds, misfire_policy, misfire_limit, overlap_policy,
    created_by_user_id, created_at, updated_at
