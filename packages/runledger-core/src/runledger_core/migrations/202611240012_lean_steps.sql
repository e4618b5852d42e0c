-- Make the release of a step, and its claim, as cheap as they can be.
-- Whoever releases a step inserts its job in the same statement, and nobody else can see
-- the job before that commits: it is there. A foreign key looked for it once more, by a
-- query for each row, and left a lock in the job's row; that was nearly half of a release.
-- What is left to do is what the key did when a job is deleted, once a statement: a step
-- whose job is gone names none. The audit looks for steps that name a job that is not there.
-- Locks: ACCESS EXCLUSIVE on workflow_steps and job_queue for catalog changes, and SHARE on
-- workflow_step_dependencies, which is read once. No row is rewritten.

ALTER TABLE workflow_steps DROP CONSTRAINT fk_workflow_steps_job;

-- The tables stand beside the one whose trigger this is, wherever that is and whatever the
-- search path. CASCADE does not reach the steps any more: whoever empties the queue and the
-- workflows names both.
CREATE FUNCTION runledger_forget_step_jobs() RETURNS trigger
LANGUAGE plpgsql
AS $body$
DECLARE
    is_named boolean;
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' THEN
        EXECUTE pg_catalog.format(
            'SELECT EXISTS (SELECT FROM %I.workflow_steps WHERE job_id IS NOT NULL)',
            TG_TABLE_SCHEMA
        )
        INTO is_named;
        IF is_named THEN
            RAISE EXCEPTION USING
                ERRCODE = '23001',
                MESSAGE = 'jobs are named by steps of workflows',
                HINT = 'Truncate workflow_runs together with job_queue.',
                SCHEMA = TG_TABLE_SCHEMA,
                TABLE = 'workflow_steps',
                CONSTRAINT = 'fk_workflow_steps_job';
        END IF;
        RETURN NULL;
    END IF;
    EXECUTE pg_catalog.format(
        'UPDATE %I.workflow_steps AS s SET job_id = NULL FROM gone '
        'WHERE s.job_id OPERATOR(pg_catalog.=) gone.id',
        TG_TABLE_SCHEMA
    );
    RETURN NULL;
END
$body$;

CREATE TRIGGER trg_job_queue_forget_step_jobs
    AFTER DELETE ON job_queue
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT
    EXECUTE FUNCTION runledger_forget_step_jobs();

CREATE TRIGGER trg_job_queue_truncate_step_jobs
    AFTER TRUNCATE ON job_queue
    FOR EACH STATEMENT
    EXECUTE FUNCTION runledger_forget_step_jobs();

-- A claim asks each step for the outputs that it is handed, and mostly there are none: this
-- says so without a look at the edges, of which a fan-in has thousands.
CREATE INDEX idx_workflow_step_dependencies_inputs
    ON workflow_step_dependencies (dependent_step_id)
    WHERE passes_output;
