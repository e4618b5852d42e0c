-- Find jobs whose runs are not what the requeues of ended runs have begun.
WITH marked AS (
    SELECT
        id, job_id, run_number,
        event_type = 'REQUEUED'
            AND COALESCE(
                lag(event_type) OVER (PARTITION BY job_id ORDER BY id)
                    IN ('SUCCEEDED', 'DEAD_LETTERED', 'CANCELED'),
                FALSE
            ) AS begins_run
    FROM job_events
),
counted AS (
    SELECT
        job_id, run_number,
        count(*) FILTER (WHERE begins_run) OVER (
            PARTITION BY job_id
            ORDER BY id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW
        ) + 1 AS expected_run_number,
        count(*) FILTER (WHERE begins_run) OVER (PARTITION BY job_id) + 1
            AS expected_last
    FROM marked
)
SELECT DISTINCT q.id
FROM job_queue AS q
JOIN counted AS c ON c.job_id = q.id
WHERE c.run_number <> c.expected_run_number
   OR q.run_number <> c.expected_last
ORDER BY q.id
LIMIT %(limit)s
