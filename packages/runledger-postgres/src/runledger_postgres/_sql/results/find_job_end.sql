-- Read how a job has ended, or that it has not. Locks nothing.
SELECT
    status::text AS status, output, status_reason, last_error_code, last_error_message
FROM job_queue
WHERE id = %(job_id)s
  AND /*scope*/
