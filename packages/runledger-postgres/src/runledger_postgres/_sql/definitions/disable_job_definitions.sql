-- Disable the enabled ones of these definitions. Locks the definition rows, which
-- lock_job_definitions.sql has locked before in the order of their names.
UPDATE job_definitions
SET is_enabled = FALSE
WHERE job_type = ANY (%(job_types)s::text[])
  AND is_enabled
RETURNING job_type
