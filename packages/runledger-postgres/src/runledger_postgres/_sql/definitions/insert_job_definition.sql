-- Write one definition unless the type has one. Locks only what it inserts.
INSERT INTO job_definitions (
    job_type, version, max_attempts, default_timeout_seconds, default_priority,
    is_enabled
)
VALUES (
    %(job_type)s, %(version)s, %(max_attempts)s, %(timeout_seconds)s,
    %(priority)s, %(is_enabled)s
)
ON CONFLICT (job_type) DO NOTHING
RETURNING
    job_type, version, max_attempts, default_timeout_seconds, default_priority,
    is_enabled, paused_at, created_at, updated_at
