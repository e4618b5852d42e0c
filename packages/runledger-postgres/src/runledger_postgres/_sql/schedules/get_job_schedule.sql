-- Read one schedule by its name. Locks nothing.
SELECT
    id, name, job_type, organization_id, payload_template, cron_expr, timezone,
    is_active, next_fire_at, deferred_until, last_fired_at, last_skipped_at,
    last_job_id, last_error_code, last_error_message, last_error_at,
    max_jitter_seconds, misfire_policy, misfire_limit, overlap_policy,
    created_by_user_id, created_at, updated_at
FROM job_schedules
WHERE name = %(name)s
  AND /*scope*/
