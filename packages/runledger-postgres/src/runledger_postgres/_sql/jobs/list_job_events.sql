-- A page of one job's events, oldest first. Locks nothing.
SELECT
    e.id, e.job_id, e.run_number, e.attempt, e.event_type::text AS event_type, e.stage,
    e.progress_done, e.progress_total, e.payload, e.occurred_at
FROM job_events AS e
WHERE e.job_id = %(job_id)s
  AND (%(after_id)s::bigint IS NULL OR e.id > %(after_id)s::bigint)
  AND EXISTS (
      SELECT
      FROM job_queue
      WHERE id = e.job_id
        AND /*scope*/
  )
ORDER BY e.id
LIMIT %(limit)s
