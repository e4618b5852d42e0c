-- Write a retry down: its key makes a repeat harmless, and the steps whose jobs it
-- requeued are what the audit counts the runs of those jobs by. The caller holds the
-- run's lock (rank 1) and has seen that the key is free.
INSERT INTO workflow_run_mutations (
    workflow_run_id, mutation_key, mutation_kind, request
)
VALUES (
    %(run_id)s, %(mutation_key)s, 'RETRY_STEP',
    jsonb_build_object(
        'step_key', %(step_key)s::text,
        'requeued_steps', to_jsonb(%(requeued_steps)s::text[]),
        'reason', %(reason)s::text
    )
)
