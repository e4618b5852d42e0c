-- Pause or resume the claims of one job type; a row that is so already is left alone
-- and not returned. Locks the definition row; waits for enqueues that hold it FOR SHARE.
UPDATE job_definitions
SET paused_at = CASE WHEN %(is_paused)s THEN clock_timestamp() END
WHERE job_type = %(job_type)s
  AND (paused_at IS NOT NULL) <> %(is_paused)s
RETURNING
    job_type, version, max_attempts, default_timeout_seconds, default_priority,
    is_enabled, paused_at, created_at, updated_at
