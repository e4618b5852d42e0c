-- What a sync of schedules has made of them. Locks nothing; those that were left as they
-- are may be changed by others meanwhile.
SELECT name, job_type, is_active
FROM job_schedules
WHERE name = ANY (%(names)s::text[])
