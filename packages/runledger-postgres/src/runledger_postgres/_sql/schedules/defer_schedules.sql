-- Put off schedules that cannot fire now; their slots stay. What has an error keeps it
-- on its row. Locks nothing new: claim_due_schedules.sql has locked the rows.
UPDATE job_schedules AS s
SET deferred_until = now() + make_interval(secs => d.seconds),
    last_error_code = COALESCE(d.code, s.last_error_code),
    last_error_message = COALESCE(d.message, s.last_error_message),
    last_error_at = CASE
        WHEN d.code IS NULL THEN s.last_error_at
        ELSE now()
    END
FROM unnest(
    %(schedule_ids)s::uuid[],
    %(seconds)s::double precision[],
    %(codes)s::text[],
    %(messages)s::text[]
) AS d (schedule_id, seconds, code, message)
WHERE s.id = d.schedule_id
RETURNING s.id, s.deferred_until
