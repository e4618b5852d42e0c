-- Which of these leases ended because somebody canceled the job.
--
-- Asked of the attempts, which stay as they are when the job is requeued, and in a
-- statement of its own: a renewal that waited for the cancellation does not see with its
-- own snapshot what it waited for. Locks nothing.
SELECT a.job_id, a.run_number, a.attempt, a.worker_id
FROM unnest(
    %(job_ids)s::uuid[],
    %(run_numbers)s::integer[],
    %(attempts)s::integer[],
    %(worker_ids)s::text[]
) AS l (job_id, run_number, attempt, worker_id)
JOIN job_attempts AS a
    ON a.job_id = l.job_id
    AND a.run_number = l.run_number
    AND a.attempt = l.attempt
WHERE a.worker_id = l.worker_id
  AND a.outcome = 'CANCELED'
