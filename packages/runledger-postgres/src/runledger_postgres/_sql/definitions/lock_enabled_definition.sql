-- Lock the definition that an active schedule needs, if it is enabled.
--
-- Locks the definition row FOR SHARE, as an enqueue does, after the schedule's row:
-- disabling it waits for us, or we wait and see it disabled.
SELECT job_type
FROM job_definitions
WHERE job_type = %(job_type)s
  AND is_enabled
FOR SHARE
