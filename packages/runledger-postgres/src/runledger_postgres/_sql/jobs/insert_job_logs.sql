-- Add lines to what the application says about its jobs, in their order, and each with
-- the time at which it was said. Lines about a job that is not there are left out, and so
-- are those whose job is just being deleted: it is not waited for. Locks the jobs' rows
-- FOR KEY SHARE, which neither a claim nor an end of a job waits for.
WITH /*bounded*/
line AS (
    SELECT l.*
    FROM bound
    CROSS JOIN unnest(
        %(job_ids)s::uuid[],
        %(run_numbers)s::integer[],
        %(attempts)s::integer[],
        %(levels)s::text[],
        %(messages)s::text[],
        %(payloads)s::text[]::jsonb[],
        %(ages_ms)s::bigint[]
    ) WITH ORDINALITY AS l (
        job_id, run_number, attempt, level, message, payload, age_ms, position
    )
),
job AS MATERIALIZED (
    SELECT q.id
    FROM (SELECT DISTINCT job_id FROM line ORDER BY job_id) AS l
    CROSS JOIN LATERAL (
        SELECT id
        FROM job_queue
        WHERE id = l.job_id
        FOR KEY SHARE SKIP LOCKED
    ) AS q
),
inserted AS (
    INSERT INTO job_logs (
        job_id, run_number, attempt, level, message, payload, occurred_at
    )
    SELECT
        l.job_id, l.run_number, l.attempt, l.level, l.message, l.payload,
        clock_timestamp() - l.age_ms * interval '1 millisecond'
    FROM line AS l
    WHERE l.job_id IN (SELECT id FROM job)
    ORDER BY l.position
    RETURNING id
)
SELECT count(*) AS inserted_count
FROM inserted
