-- A page of one job's attempts in order. Locks nothing.
SELECT
    a.id, a.job_id, a.run_number, a.attempt, a.worker_id, a.leased_at, a.started_at,
    a.finished_at, a.outcome::text AS outcome, a.error_code, a.error_message,
    a.error_detail, a.retry_delay_ms
FROM job_attempts AS a
WHERE a.job_id = %(job_id)s
  AND (a.run_number, a.attempt)
      > (%(after_run_number)s::integer, %(after_attempt)s::integer)
  AND EXISTS (
      SELECT
      FROM job_queue
      WHERE id = a.job_id
        AND /*scope*/
  )
ORDER BY a.run_number, a.attempt
LIMIT %(limit)s
