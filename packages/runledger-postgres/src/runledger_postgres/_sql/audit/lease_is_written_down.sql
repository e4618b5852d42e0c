-- Find jobs whose attempts and LEASED events do not match.
-- A claim that was given back and claimed again is one attempt with two such events.
WITH lease AS (
    SELECT job_id, run_number, attempt, worker_id
    FROM job_attempts
),
event AS (
    SELECT DISTINCT ON (job_id, run_number, attempt)
        job_id, run_number, attempt, payload ->> 'worker_id' AS worker_id
    FROM job_events
    WHERE event_type = 'LEASED'
    ORDER BY job_id, run_number, attempt, id DESC
)
SELECT DISTINCT job_id AS id
FROM lease AS l
FULL JOIN event AS e USING (job_id, run_number, attempt)
WHERE l.worker_id IS DISTINCT FROM e.worker_id
ORDER BY id
LIMIT %(limit)s
