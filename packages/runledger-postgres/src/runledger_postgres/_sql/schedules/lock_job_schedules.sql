-- Lock the schedules that an exact sync is about to write or deactivate: those that it
-- names and the active ones in its scope.
--
-- Locks the schedules' rows in the order of their names, before any definition; waits
-- for a scheduler that is firing one of them.
SELECT name
FROM job_schedules
WHERE name = ANY (%(names)s::text[])
   OR (is_active AND job_type = ANY (%(job_types)s::text[]))
ORDER BY name
FOR NO KEY UPDATE
