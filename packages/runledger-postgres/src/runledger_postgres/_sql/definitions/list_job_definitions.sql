-- A page of definitions in the order of their names. Locks nothing.
SELECT
    job_type, version, max_attempts, default_timeout_seconds, default_priority,
    is_enabled, paused_at, created_at, updated_at
FROM job_definitions
WHERE (%(after_job_type)s::text IS NULL OR job_type > %(after_job_type)s::text)
  AND (
      %(job_type_prefix)s::text IS NULL
      OR starts_with(job_type, %(job_type_prefix)s::text)
  )
ORDER BY job_type
LIMIT %(limit)s
