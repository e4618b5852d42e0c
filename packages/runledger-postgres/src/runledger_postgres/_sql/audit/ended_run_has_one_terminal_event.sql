-- Find jobs with a run that did not end exactly once, or ended and yet goes on.
-- Every run before the current one has ended.
SELECT DISTINCT q.id
FROM job_queue AS q
CROSS JOIN LATERAL generate_series(1, q.run_number) AS run (number)
LEFT JOIN LATERAL (
    SELECT count(*) AS event_count
    FROM job_events AS e
    WHERE e.job_id = q.id
      AND e.run_number = run.number
      AND e.event_type IN ('SUCCEEDED', 'DEAD_LETTERED', 'CANCELED')
) AS terminal ON TRUE
WHERE terminal.event_count <> CASE
    WHEN run.number < q.run_number THEN 1
    WHEN q.status IN ('SUCCEEDED', 'DEAD_LETTERED', 'CANCELED') THEN 1
    ELSE 0
END
ORDER BY q.id
LIMIT %(limit)s
