-- Mark a worker as asleep, and tell it for how long.
--
-- It sleeps until its next job is due, but for the limit at most: zero if a job is due
-- already. What is due later is left to another sleeper that is going to look in time,
-- so that a job does not wake a whole fleet. The levels of priority are skipped through
-- as in a claim, and the planner is kept from planning anew as there.
--
-- A worker that was awake before has to ask again: a job may have been committed between
-- this statement's snapshot and its commit by somebody who could not see the mark.
--
-- Locks the worker's own row, which an enqueue holds only until it commits.
WITH RECURSIVE asked AS MATERIALIZED (
    SELECT %(wakes_for)s::text[] AS job_types, clock_timestamp() AS looks_at
),
/*levels*/,
first AS MATERIALIZED (
    SELECT job_type, min(first_run_at) AS next_run_at
    FROM level
    GROUP BY job_type
),
mine AS MATERIALIZED (
    SELECT
        m.looks_at,
        LEAST(
            m.looks_at + make_interval(secs => %(longest_seconds)s::double precision),
            (
                SELECT min(f.next_run_at)
                FROM first AS f
                WHERE f.next_run_at <= m.looks_at
                   OR NOT EXISTS (
                    SELECT
                    FROM job_workers AS w
                    WHERE w.worker_id <> %(worker_id)s::text
                      AND w.asleep_since IS NOT NULL
                      AND f.job_type = ANY (w.wakes_for)
                      AND w.wakes_at BETWEEN m.looks_at AND f.next_run_at
                )
            )
        ) AS wakes_at
    FROM asked AS m
),
before AS MATERIALIZED (
    SELECT worker_id, asleep_since IS NOT NULL AS was_asleep
    FROM job_workers
    WHERE worker_id = %(worker_id)s::text
    FOR NO KEY UPDATE
),
marked AS (
    UPDATE job_workers AS w
    SET asleep_since = COALESCE(w.asleep_since, m.looks_at),
        wakes_for = %(wakes_for)s::text[],
        wakes_at = GREATEST(m.wakes_at, m.looks_at),
        wake_channel = %(wake_channel)s::text
    FROM before AS b
    CROSS JOIN mine AS m
    WHERE w.worker_id = b.worker_id
    RETURNING b.was_asleep
)
SELECT
    GREATEST(0, extract(EPOCH FROM m.wakes_at - m.looks_at))::double precision
        AS seconds,
    (SELECT was_asleep FROM marked) AS was_asleep
FROM mine AS m
