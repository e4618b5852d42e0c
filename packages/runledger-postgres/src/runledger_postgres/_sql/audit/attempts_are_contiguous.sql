-- Find jobs with a gap in the attempts of a run.
-- The numbers are unique and positive, so the highest is the count unless one is missing.
SELECT DISTINCT job_id AS id
FROM job_attempts
GROUP BY job_id, run_number
HAVING max(attempt) <> count(*)
ORDER BY id
LIMIT %(limit)s
