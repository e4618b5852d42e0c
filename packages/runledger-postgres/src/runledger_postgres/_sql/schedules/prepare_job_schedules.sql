-- What is needed to work out when schedules fire first: the time, and the ids that they
-- have or will have. Locks nothing.
SELECT
    w.name,
    clock_timestamp() AS now,
    COALESCE(s.id, uuidv7()) AS schedule_id
FROM unnest(%(names)s::text[]) AS w (name)
LEFT JOIN job_schedules AS s ON s.name = w.name
