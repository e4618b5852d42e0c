-- Say that a worker is there and what it runs. Also forgets those that have said
-- nothing for a day: they were killed.
-- Locks the worker's own row, and none that another transaction holds.
WITH forgotten AS (
    DELETE FROM job_workers
    WHERE worker_id IN (
        SELECT worker_id
        FROM job_workers
        WHERE expires_at < now() - interval '1 day'
          AND worker_id <> %(worker_id)s::text
        ORDER BY worker_id
        FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO job_workers (worker_id, job_types, expires_at)
VALUES (
    %(worker_id)s::text, %(job_types)s::text[],
    now() + make_interval(secs => %(ttl_seconds)s::double precision)
)
ON CONFLICT (worker_id) DO UPDATE
SET job_types = EXCLUDED.job_types,
    seen_at = now(),
    expires_at = EXCLUDED.expires_at
