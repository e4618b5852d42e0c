-- Write one definition; a row that already says the same is left alone and not
-- returned, so that a catalog synced at every start writes nothing.
-- Locks the definition row; waits for enqueues that hold it FOR SHARE.
INSERT INTO job_definitions AS d (
    job_type, version, max_attempts, default_timeout_seconds, default_priority,
    is_enabled
)
VALUES (
    %(job_type)s, %(version)s, %(max_attempts)s, %(timeout_seconds)s,
    %(priority)s, %(is_enabled)s
)
ON CONFLICT (job_type) DO UPDATE
SET version = EXCLUDED.version,
    max_attempts = EXCLUDED.max_attempts,
    default_timeout_seconds = EXCLUDED.default_timeout_seconds,
    default_priority = EXCLUDED.default_priority,
    is_enabled = EXCLUDED.is_enabled
WHERE (
    d.version, d.max_attempts, d.default_timeout_seconds, d.default_priority,
    d.is_enabled
) IS DISTINCT FROM (
    EXCLUDED.version, EXCLUDED.max_attempts, EXCLUDED.default_timeout_seconds,
    EXCLUDED.default_priority, EXCLUDED.is_enabled
)
RETURNING
    job_type, version, max_attempts, default_timeout_seconds, default_priority,
    is_enabled, paused_at, created_at, updated_at
