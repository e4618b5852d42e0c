-- Lock active schedules that are due, the longest due first, and read the time.
--
-- Locks the schedules' rows until the transaction ends, before any definition; steps
-- over those that another scheduler holds.
SELECT
    id, name, job_type, organization_id, payload_template, cron_expr, timezone,
    is_active, next_fire_at, last_fired_at, max_jitter_seconds, created_by_user_id,
    created_at, updated_at,
    statement_timestamp() AS now
FROM job_schedules
WHERE is_active
  AND next_fire_at <= statement_timestamp()
ORDER BY next_fire_at, id
LIMIT %(limit)s
FOR NO KEY UPDATE SKIP LOCKED
