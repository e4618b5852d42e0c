-- Forget waiters that did not come again: they have their result, or gave up.
-- Comes after register_waiter.sql, so that nobody who holds swept rows waits for one.
-- Locks expired rows of result_waiters and steps over those that others hold.
DELETE FROM result_waiters
WHERE target_id IN (
    SELECT target_id
    FROM result_waiters
    WHERE expires_at < now()
    ORDER BY expires_at
    LIMIT 200
    FOR UPDATE SKIP LOCKED
)
