-- Read the payload of the job that owns an idempotency key. Locks nothing.
SELECT id AS job_id, status::text AS status, run_number, payload
FROM job_queue
WHERE job_type = %(job_type)s
  AND idempotency_key = %(idempotency_key)s
  AND /*scope*/
