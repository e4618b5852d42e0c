-- Find blocked steps that wait for themselves.
-- A step on a cycle is never released, so only edges between blocked steps are walked.
WITH RECURSIVE edge AS (
    SELECT e.prerequisite_step_id, e.dependent_step_id
    FROM workflow_step_dependencies AS e
    JOIN workflow_steps AS p ON p.id = e.prerequisite_step_id
    JOIN workflow_steps AS d ON d.id = e.dependent_step_id
    WHERE p.status = 'BLOCKED'
      AND d.status = 'BLOCKED'
),
reached AS (
    SELECT prerequisite_step_id AS origin_id, dependent_step_id AS step_id
    FROM edge
    UNION
    SELECT r.origin_id, e.dependent_step_id
    FROM reached AS r
    JOIN edge AS e ON e.prerequisite_step_id = r.step_id
)
SELECT step_id AS id
FROM reached
WHERE origin_id = step_id
ORDER BY id
LIMIT %(limit)s
