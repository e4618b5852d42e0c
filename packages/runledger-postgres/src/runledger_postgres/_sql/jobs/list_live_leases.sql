-- Which of these leases are live. Asked in a statement of its own, after one that stepped
-- over jobs that others held: what those have done since is seen. Locks nothing.
SELECT q.id AS job_id, q.run_number, q.attempt, q.worker_id
FROM unnest(
    %(job_ids)s::uuid[],
    %(run_numbers)s::integer[],
    %(attempts)s::integer[],
    %(worker_ids)s::text[]
) AS l (job_id, run_number, attempt, worker_id)
CROSS JOIN LATERAL (
    SELECT id, run_number, attempt, worker_id
    FROM job_queue
    WHERE id = l.job_id
      AND run_number = l.run_number
      AND attempt = l.attempt
      AND worker_id = l.worker_id
      AND status = 'LEASED'
      AND lease_expires_at > clock_timestamp()
    OFFSET 0
) AS q
