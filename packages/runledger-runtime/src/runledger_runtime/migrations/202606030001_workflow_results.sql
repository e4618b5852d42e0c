-- Give jobs and steps an output, and a run the result of the step that it names.
-- The key to the result step is deferred: a run is inserted before its steps.
-- Locks: ACCESS EXCLUSIVE on job_queue, workflow_steps and workflow_runs for catalog
-- changes; the check and the foreign key read workflow_runs once, where every new column
-- is still NULL. No row is rewritten.

ALTER TABLE job_queue ADD COLUMN output jsonb;

ALTER TABLE workflow_steps ADD COLUMN output jsonb;

ALTER TABLE workflow_runs
    ADD COLUMN result_step_key text,
    ADD COLUMN result jsonb,
    ADD CONSTRAINT chk_workflow_runs_result_step_key_not_blank
        CHECK (runledger_is_identifier(result_step_key)),
    ADD CONSTRAINT fk_workflow_runs_result_step FOREIGN KEY (id, result_step_key)
        REFERENCES workflow_steps (workflow_run_id, step_key)
        DEFERRABLE INITIALLY DEFERRED;

INSERT INTO runledger_migration_history (version)
VALUES (202606030001)
ON CONFLICT (version) DO NOTHING;
