-- Find dead letters that are not about the last death of their job.
WITH death AS (
    SELECT DISTINCT ON (job_id) job_id, run_number, attempt
    FROM job_events
    WHERE event_type = 'DEAD_LETTERED'
    ORDER BY job_id, id DESC
)
SELECT COALESCE(d.job_id, death.job_id) AS id
FROM job_dead_letters AS d
FULL JOIN death ON death.job_id = d.job_id
WHERE (d.run_number, d.attempt)
    IS DISTINCT FROM (death.run_number, death.attempt)
ORDER BY id
LIMIT %(limit)s
