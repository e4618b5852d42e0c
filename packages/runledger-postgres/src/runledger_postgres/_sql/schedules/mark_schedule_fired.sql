-- Move a schedule on from the slot that was just fired, unless somebody else moved it.
-- Locks the schedule's row.
UPDATE job_schedules
SET last_fired_at = clock_timestamp(),
    next_fire_at = %(next_fire_at)s,
    deferred_until = NULL
WHERE id = %(schedule_id)s
  AND next_fire_at = %(scheduled_for)s
RETURNING id
