-- Find the steps of a run that have these keys, and what became of them so far.
--
-- Locks nothing: the caller has locked the run's row (rank 1), which keeps them as they
-- are. Only the keys that an append names are asked for, so that it costs what it adds
-- and not what the run has.
SELECT
    id, step_key, execution_kind::text AS execution_kind, status::text AS status
FROM workflow_steps
WHERE workflow_run_id = %(run_id)s
  AND step_key = ANY (%(step_keys)s::text[])
