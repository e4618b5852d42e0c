-- Go through all levels of priority of some job types, and tell where the first pending
-- job of each stands, and how long it took to find out. A type without pending jobs has
-- one row without a level; one that is paused has none. Locks nothing.
--
-- What was pending is what the snapshot saw, and that is never older than now().
WITH RECURSIVE asked AS MATERIALIZED (
    SELECT %(job_types)s::text[] AS job_types, clock_timestamp() AS began_at
),
/*levels*/,
-- Whole before its time is taken.
found AS MATERIALIZED (
    SELECT d.job_type, l.priority, l.first_run_at
    FROM asked AS a
    JOIN job_definitions AS d ON d.job_type = ANY (a.job_types)
    LEFT JOIN level AS l ON l.job_type = d.job_type
    WHERE d.paused_at IS NULL
    ORDER BY d.job_type, l.priority
)
SELECT
    f.job_type, f.priority, f.first_run_at,
    now() AS surveyed_at,
    extract(EPOCH FROM clock_timestamp() - a.began_at)::double precision AS seconds
FROM found AS f
CROSS JOIN asked AS a
