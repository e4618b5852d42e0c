-- Read in which status and run one job is. Locks nothing.
SELECT status::text AS status, run_number
FROM job_queue
WHERE id = %(job_id)s
  AND /*scope*/
