-- A page of one job's events, oldest first. Locks nothing.
--
-- A later run has later ids, so going by run and id is going by id, and the index
-- on both has that order. The run of the last event seen is where the page begins.
SELECT
    e.id, e.job_id, e.run_number, e.attempt, e.event_type::text AS event_type, e.stage,
    e.progress_done, e.progress_total, e.payload, e.occurred_at
FROM job_events AS e
WHERE e.job_id = %(job_id)s
  AND (e.run_number, e.id) > (
      COALESCE(
          (
              SELECT run_number
              FROM job_events
              WHERE job_id = %(job_id)s
                AND id = %(after_id)s::bigint
          ),
          0
      ),
      %(after_id)s::bigint
  )
  AND e.id > %(after_id)s::bigint
  AND EXISTS (
      SELECT
      FROM job_queue
      WHERE id = e.job_id
        AND /*scope*/
  )
ORDER BY e.run_number, e.id
LIMIT %(limit)s
