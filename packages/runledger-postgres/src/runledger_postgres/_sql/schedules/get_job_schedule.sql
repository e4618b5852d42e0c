-- Read one schedule by its name. Locks nothing.
SELECT
    id, name, job_type, organization_id, payload_template, cron_expr, timezone,
    is_active, next_fire_at, last_fired_at, max_jitter_seconds, created_by_user_id,
    created_at, updated_at
FROM job_schedules
WHERE name = %(name)s
  AND /*scope*/
