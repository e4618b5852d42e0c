-- Find jobs with rows about a run that has not begun.
SELECT q.id
FROM job_queue AS q
WHERE EXISTS (
        SELECT
        FROM job_attempts AS a
        WHERE a.job_id = q.id AND a.run_number > q.run_number
    )
   OR EXISTS (
        SELECT
        FROM job_events AS e
        WHERE e.job_id = q.id AND e.run_number > q.run_number
    )
   OR EXISTS (
        SELECT
        FROM job_logs AS l
        WHERE l.job_id = q.id AND l.run_number > q.run_number
    )
   OR EXISTS (
        SELECT
        FROM job_dead_letters AS d
        WHERE d.job_id = q.id AND d.run_number > q.run_number
    )
ORDER BY q.id
LIMIT %(limit)s
