-- Find succeeded jobs whose last event tells of another stage or progress.
SELECT q.id
FROM job_queue AS q
JOIN job_events AS e
    ON e.job_id = q.id
    AND e.run_number = q.run_number
    AND e.event_type = 'SUCCEEDED'
WHERE q.status = 'SUCCEEDED'
  AND (q.stage, q.progress_done, q.progress_total)
      IS DISTINCT FROM (e.stage, e.progress_done, e.progress_total)
ORDER BY q.id
LIMIT %(limit)s
