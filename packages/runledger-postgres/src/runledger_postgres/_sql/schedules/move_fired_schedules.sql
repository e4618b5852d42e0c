-- Move schedules on from their slots, for which there are jobs now, or which were let
-- go. Locks nothing new: claim_due_schedules.sql has locked the rows.
UPDATE job_schedules AS s
SET next_fire_at = m.next_fire_at,
    deferred_until = NULL,
    last_fired_at = CASE
        WHEN m.job_id IS NULL THEN s.last_fired_at
        ELSE now()
    END,
    last_job_id = COALESCE(m.job_id, s.last_job_id),
    last_skipped_at = CASE
        WHEN m.skips THEN now()
        ELSE s.last_skipped_at
    END
FROM unnest(
    %(schedule_ids)s::uuid[],
    %(next_fires_at)s::timestamptz[],
    %(job_ids)s::uuid[],
    %(skips)s::boolean[]
) AS m (schedule_id, next_fire_at, job_id, skips)
WHERE s.id = m.schedule_id
RETURNING s.id
