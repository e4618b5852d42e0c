-- Insert edges between steps of the same run. Inserts into workflow_step_dependencies, which
-- needs no rank: edges are written by whoever holds their run's lock, or has inserted it.
INSERT INTO workflow_step_dependencies (
    workflow_run_id, prerequisite_step_id, dependent_step_id, release_mode,
    passes_output
)
SELECT
    e.run_id, e.prerequisite_id, e.dependent_id,
    e.release_mode::workflow_dependency_release_mode, e.passes_output
FROM unnest(
    %(run_ids)s::uuid[],
    %(prerequisite_ids)s::uuid[],
    %(dependent_ids)s::uuid[],
    %(release_modes)s::text[],
    %(passes_outputs)s::boolean[]
) AS e (run_id, prerequisite_id, dependent_id, release_mode, passes_output)
