-- A page of schedules in the order of their names. Locks nothing; reads the index of the
-- names, so what the filters leave out costs too: there are few schedules.
SELECT
    id, name, job_type, organization_id, payload_template, cron_expr, timezone,
    is_active, next_fire_at, deferred_until, last_fired_at, last_skipped_at,
    last_job_id, last_error_code, last_error_message, last_error_at,
    max_jitter_seconds, misfire_policy, misfire_limit, overlap_policy,
    created_by_user_id, created_at, updated_at
FROM job_schedules
WHERE (%(after_name)s::text IS NULL OR name > %(after_name)s::text)
  AND (%(is_active)s::boolean IS NULL OR is_active = %(is_active)s::boolean)
  AND (%(job_type)s::text IS NULL OR job_type = %(job_type)s::text)
  AND /*scope*/
ORDER BY name
LIMIT %(limit)s
