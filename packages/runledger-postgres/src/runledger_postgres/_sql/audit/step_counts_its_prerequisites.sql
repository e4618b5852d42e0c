-- Find steps whose counters are not what their edges say.
-- Once a step was released, what is pending before it matters no more: a prerequisite
-- that it only had to see the end of may be retried.
WITH prerequisite AS (
    SELECT
        e.dependent_step_id AS step_id,
        count(*) AS total_count,
        count(*) FILTER (
            WHERE p.status NOT IN ('SUCCEEDED', 'FAILED', 'CANCELED')
        ) AS pending_count,
        count(*) FILTER (
            WHERE e.release_mode = 'ON_SUCCESS'
              AND p.status IN ('FAILED', 'CANCELED')
        ) AS unsatisfied_count
    FROM workflow_step_dependencies AS e
    JOIN workflow_steps AS p ON p.id = e.prerequisite_step_id
    GROUP BY e.dependent_step_id
)
SELECT s.id
FROM workflow_steps AS s
LEFT JOIN prerequisite AS p ON p.step_id = s.id
WHERE s.dependency_count_total <> COALESCE(p.total_count, 0)
   OR (
       s.status = 'BLOCKED'
       AND (s.dependency_count_pending, s.dependency_count_unsatisfied)
           <> (COALESCE(p.pending_count, 0), COALESCE(p.unsatisfied_count, 0))
   )
ORDER BY s.id
LIMIT %(limit)s
