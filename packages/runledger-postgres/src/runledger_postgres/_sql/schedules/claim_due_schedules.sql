-- Lock active schedules that are due, the longest due first, and read the time.
--
-- Locks the schedules' rows until the transaction ends, before any definition; steps
-- over those that another scheduler holds. One that was put off after an error is due
-- when that is over, and takes its place among the others by that time.
SELECT
    id, name, job_type, organization_id, payload_template, cron_expr, timezone,
    is_active, next_fire_at, deferred_until, last_fired_at, last_skipped_at,
    last_job_id, last_error_code, last_error_message, last_error_at,
    max_jitter_seconds, misfire_policy, misfire_limit, overlap_policy,
    created_by_user_id, created_at, updated_at,
    clock_timestamp() AS now
FROM job_schedules
WHERE is_active
  AND GREATEST(next_fire_at, deferred_until) <= (SELECT clock_timestamp())
ORDER BY GREATEST(next_fire_at, deferred_until), id
LIMIT %(limit)s
FOR NO KEY UPDATE SKIP LOCKED
