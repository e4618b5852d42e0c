-- Change what is given of one definition; a row that already says so is left alone and
-- not returned. Locks the definition row; waits for enqueues that hold it FOR SHARE.
UPDATE job_definitions
SET version = COALESCE(%(version)s::integer, version),
    max_attempts = COALESCE(%(max_attempts)s::integer, max_attempts),
    default_timeout_seconds = COALESCE(
        %(timeout_seconds)s::integer, default_timeout_seconds
    ),
    default_priority = COALESCE(%(priority)s::integer, default_priority),
    is_enabled = COALESCE(%(is_enabled)s::boolean, is_enabled)
WHERE job_type = %(job_type)s
  AND (
      version <> %(version)s::integer
      OR max_attempts <> %(max_attempts)s::integer
      OR default_timeout_seconds <> %(timeout_seconds)s::integer
      OR default_priority <> %(priority)s::integer
      OR is_enabled <> %(is_enabled)s::boolean
  )
RETURNING
    job_type, version, max_attempts, default_timeout_seconds, default_priority,
    is_enabled, paused_at, created_at, updated_at
