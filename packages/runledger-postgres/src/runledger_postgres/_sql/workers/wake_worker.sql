-- Wake one worker that sleeps and takes any of these types: who was woken and has no
-- room for all there is passes it on.
-- Locks the sleeper's row and steps over those that somebody else is waking.
WITH sleeper AS MATERIALIZED (
    SELECT worker_id
    FROM job_workers
    WHERE asleep_since IS NOT NULL
      AND wakes_for && %(job_types)s::text[]
      AND wakes_at > clock_timestamp() - interval '1 second'
      AND worker_id <> %(worker_id)s::text
    ORDER BY asleep_since
    LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE job_workers AS w
SET asleep_since = NULL
FROM sleeper AS s
WHERE w.worker_id = s.worker_id
RETURNING w.worker_id, pg_notify(w.wake_channel, w.worker_id)::text AS notified
