-- Say that somebody waits for the end of a job or a run, until a moment from now.
-- Locks the target's own row of result_waiters, which is held for no longer than this.
INSERT INTO result_waiters (target_id, expires_at)
VALUES (
    %(target_id)s::uuid,
    clock_timestamp() + make_interval(secs => %(ttl_seconds)s::double precision)
)
ON CONFLICT (target_id) DO UPDATE
SET expires_at = EXCLUDED.expires_at
WHERE result_waiters.expires_at < EXCLUDED.expires_at
