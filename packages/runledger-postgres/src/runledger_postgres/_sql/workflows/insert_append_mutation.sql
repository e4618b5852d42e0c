-- Write an append down under its key, which makes a repeat harmless. The caller holds
-- the run's lock (rank 1) and has seen that the key is free.
INSERT INTO workflow_run_mutations (
    workflow_run_id, mutation_key, mutation_kind, metadata, request
)
VALUES (
    %(run_id)s, %(mutation_key)s, 'APPEND_STEPS', %(metadata)s::jsonb,
    %(request)s::jsonb
)
