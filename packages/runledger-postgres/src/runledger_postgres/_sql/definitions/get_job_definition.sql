-- Read one definition. Locks nothing.
SELECT
    job_type, version, max_attempts, default_timeout_seconds, default_priority,
    is_enabled, paused_at, created_at, updated_at
FROM job_definitions
WHERE job_type = %(job_type)s
