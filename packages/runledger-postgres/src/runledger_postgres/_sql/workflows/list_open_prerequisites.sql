-- The first prerequisites of a step that have not ended, in the order of their insertion.
-- Locks nothing.
SELECT p.step_key
FROM workflow_step_dependencies AS e
JOIN workflow_steps AS p ON p.id = e.prerequisite_step_id
WHERE e.dependent_step_id = %(step_id)s
  AND p.finished_at IS NULL
ORDER BY p.id
LIMIT %(limit)s
