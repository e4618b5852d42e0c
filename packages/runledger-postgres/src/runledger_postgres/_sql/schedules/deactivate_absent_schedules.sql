-- Deactivate the active schedules of these job types that a catalog does not name.
-- Locks nothing new: lock_job_schedules.sql has locked the rows.
UPDATE job_schedules
SET is_active = FALSE
WHERE is_active
  AND job_type = ANY (%(job_types)s::text[])
  AND name <> ALL (%(names)s::text[])
RETURNING name
