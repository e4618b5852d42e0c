-- Say whether a mutation key of a run stands for a retry of this step. Locks nothing: the
-- caller holds the run's lock (rank 1).
SELECT
    mutation_kind = 'RETRY_STEP'
        AND request ->> 'step_key' = %(step_key)s::text AS is_same_retry
FROM workflow_run_mutations
WHERE workflow_run_id = %(run_id)s
  AND mutation_key = %(mutation_key)s::text
