-- How many seconds from now an active schedule is due next, on the database's clock;
-- null when there is none. Locks nothing.
SELECT
    EXTRACT(EPOCH FROM min(GREATEST(next_fire_at, deferred_until)) - clock_timestamp())
        ::double precision AS due_in_seconds
FROM job_schedules
WHERE is_active
