-- Read what the prerequisites of claimed steps hand on: the outputs of those whose edge
-- passes it. One that ended without an output hands on nothing. Locks nothing: whoever
-- is released has prerequisites that have ended.
SELECT
    d.dependent_step_id AS step_id, p.step_key, p.output
FROM workflow_step_dependencies AS d
JOIN workflow_steps AS p ON p.id = d.prerequisite_step_id
WHERE d.dependent_step_id = ANY (%(step_ids)s::uuid[])
  AND d.passes_output
  AND p.output IS NOT NULL
ORDER BY p.step_key
