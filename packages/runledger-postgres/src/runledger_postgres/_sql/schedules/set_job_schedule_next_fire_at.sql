-- Move the cursor of one schedule. Locks the schedule's row.
UPDATE job_schedules
SET next_fire_at = %(next_fire_at)s
WHERE name = %(name)s
RETURNING
    id, name, job_type, organization_id, payload_template, cron_expr, timezone,
    is_active, next_fire_at, last_fired_at, max_jitter_seconds, created_by_user_id,
    created_at, updated_at
