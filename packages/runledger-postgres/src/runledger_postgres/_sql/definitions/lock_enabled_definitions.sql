-- Lock the definitions that active schedules need, those that are enabled.
--
-- Locks the definition rows FOR SHARE in the order of their names, as an enqueue does,
-- after the schedules' rows: disabling one waits for us, or we wait and see it disabled.
SELECT job_type
FROM job_definitions
WHERE job_type = ANY (%(job_types)s::text[])
  AND is_enabled
ORDER BY job_type
FOR SHARE
