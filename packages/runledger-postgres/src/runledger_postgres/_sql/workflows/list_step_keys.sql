-- List the keys of a run's steps in the order in which they came to be. Locks nothing:
-- the caller has locked the run's row (rank 1), without which no step is added.
SELECT step_key
FROM workflow_steps
WHERE workflow_run_id = %(run_id)s
ORDER BY id
