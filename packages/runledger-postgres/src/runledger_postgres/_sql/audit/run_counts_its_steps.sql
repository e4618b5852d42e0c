-- Find runs whose counters are not what their steps say.
SELECT r.id
FROM workflow_runs AS r
LEFT JOIN LATERAL (
    SELECT
        count(*) AS step_count,
        count(*) FILTER (WHERE s.status IN ('SUCCEEDED', 'FAILED', 'CANCELED')) AS ended,
        count(*) FILTER (WHERE s.status IN ('ENQUEUED', 'RUNNING')) AS enqueued,
        count(*) FILTER (WHERE s.status = 'WAITING_FOR_EXTERNAL') AS waiting,
        count(*) FILTER (WHERE s.status IN ('FAILED', 'CANCELED')) AS unsuccessful
    FROM workflow_steps AS s
    WHERE s.workflow_run_id = r.id
) AS s ON TRUE
WHERE (
    r.step_count, r.ended_step_count, r.enqueued_step_count, r.waiting_step_count,
    r.unsuccessful_step_count
) <> (s.step_count, s.ended, s.enqueued, s.waiting, s.unsuccessful)
ORDER BY r.id
LIMIT %(limit)s
