-- How many jobs are in each status. Locks nothing; reads the whole scope.
SELECT status::text AS status, count(*) AS job_count
FROM job_queue
WHERE /*scope*/
GROUP BY status
