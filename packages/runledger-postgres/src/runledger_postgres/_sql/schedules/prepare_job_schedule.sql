-- What is needed to work out when a schedule fires first: the time, and the id that it
-- has or will have. Locks nothing.
SELECT
    clock_timestamp() AS now,
    COALESCE(
        (
            SELECT id
            FROM job_schedules
            WHERE name = %(name)s
        ),
        uuidv7()
    ) AS schedule_id
