-- Find events of a run after its end. Only the requeue that begins the next run is
-- written there, and at once.
WITH event AS (
    SELECT
        id, event_type,
        count(*) FILTER (
            WHERE event_type IN ('SUCCEEDED', 'DEAD_LETTERED', 'CANCELED')
        ) OVER (
            PARTITION BY job_id, run_number
            ORDER BY id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW
        ) AS end_count,
        lag(event_type) OVER (PARTITION BY job_id, run_number ORDER BY id)
            AS previous_type
    FROM job_events
)
SELECT id
FROM event
WHERE end_count > 0
  AND NOT (
      event_type = 'REQUEUED'
      AND previous_type IN ('SUCCEEDED', 'DEAD_LETTERED', 'CANCELED')
  )
ORDER BY id
LIMIT %(limit)s
