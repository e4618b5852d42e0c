-- Find what a mutation key of a run stands for, and compare it with what is asked now.
--
-- The comparison is jsonb equality, here in the database. Locks nothing: the caller has
-- locked the run's row (rank 1), and mutations are written by whoever holds it.
SELECT
    mutation_kind = 'APPEND_STEPS' AND request = %(request)s::jsonb AS is_same_append
FROM workflow_run_mutations
WHERE workflow_run_id = %(run_id)s
  AND mutation_key = %(mutation_key)s
