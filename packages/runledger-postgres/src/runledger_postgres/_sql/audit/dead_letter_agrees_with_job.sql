-- Find dead letters under another type or organization than their job's.
SELECT d.job_id AS id
FROM job_dead_letters AS d
JOIN job_queue AS q ON q.id = d.job_id
WHERE (d.job_type, d.organization_id)
    IS DISTINCT FROM (q.job_type, q.organization_id)
ORDER BY id
LIMIT %(limit)s
