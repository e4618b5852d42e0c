-- What lets a run of a workflow move in a few statements whatever its size: the run
-- counts its steps, an edge says whether it passes an output on, a gate knows how long
-- it stays open, and every change of a run but the first and the last is a HOT update.
-- A step that was released is ENQUEUED until it ends; whether its job runs at the moment
-- is the job's own business (LEASED), so claims and retries write no step.
-- Locks: ACCESS EXCLUSIVE on the workflow tables until the end of the transaction, for
-- catalog changes and while their indexes are built. No row is rewritten.

ALTER TABLE workflow_runs
    ADD COLUMN fail_fast boolean NOT NULL DEFAULT FALSE,
    ADD COLUMN status_reason text,
    ADD COLUMN step_count integer NOT NULL DEFAULT 0,
    ADD COLUMN ended_step_count integer NOT NULL DEFAULT 0,
    ADD COLUMN enqueued_step_count integer NOT NULL DEFAULT 0,
    ADD COLUMN waiting_step_count integer NOT NULL DEFAULT 0,
    ADD COLUMN unsuccessful_step_count integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT chk_workflow_runs_step_counts CHECK (
        ended_step_count >= 0
        AND enqueued_step_count >= 0
        AND waiting_step_count >= 0
        AND unsuccessful_step_count BETWEEN 0 AND ended_step_count
        AND ended_step_count + enqueued_step_count + waiting_step_count <= step_count
    ),
    SET (fillfactor = 80);

-- The status of a run that goes on changes as it moves, so no index may name it there;
-- a run that has ended is listed by how it ended. Lists go by id, newest first, as those
-- of jobs do; an entry is written when a run is enqueued and when it ends.
DROP INDEX idx_workflow_runs_status_created;

CREATE INDEX idx_workflow_runs_unfinished_listed
    ON workflow_runs (workflow_type, (organization_id IS NULL), id)
    INCLUDE (organization_id)
    WHERE finished_at IS NULL;

CREATE INDEX idx_workflow_runs_ended_listed
    ON workflow_runs (status, workflow_type, (organization_id IS NULL), id)
    INCLUDE (organization_id)
    WHERE finished_at IS NOT NULL;

CREATE INDEX idx_workflow_runs_organization_unfinished_listed
    ON workflow_runs (organization_id, workflow_type, id)
    WHERE finished_at IS NULL AND organization_id IS NOT NULL;

CREATE INDEX idx_workflow_runs_organization_ended_listed
    ON workflow_runs (organization_id, status, workflow_type, id)
    WHERE finished_at IS NOT NULL AND organization_id IS NOT NULL;

-- deadline_at is when an open gate ends by itself; it is there only while the gate is
-- open, so that its index never hears of any other change of a step.
-- A step changes twice once it waits for nothing: its release gives it a job, which an
-- index names, and its end changes no such column. With half of each page free both stay
-- in their page and the end touches no index, which makes it three times as fast as with
-- a fifth free (500 ends: 8 ms and 26 ms).
ALTER TABLE workflow_steps
    ADD COLUMN deadline_seconds integer,
    ADD COLUMN deadline_outcome workflow_step_status,
    ADD COLUMN deadline_at timestamptz,
    ADD CONSTRAINT chk_workflow_steps_deadline_shape CHECK (
        (deadline_seconds IS NULL) = (deadline_outcome IS NULL)
        AND deadline_seconds > 0
        AND deadline_outcome IN ('SUCCEEDED', 'FAILED', 'CANCELED')
        AND (deadline_seconds IS NULL OR execution_kind = 'EXTERNAL')
    ),
    ADD CONSTRAINT chk_workflow_steps_deadline_open CHECK (
        deadline_at IS NULL
        OR (status = 'WAITING_FOR_EXTERNAL' AND deadline_seconds IS NOT NULL)
    ),
    SET (
        fillfactor = 50,
        autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_threshold = 1000
    );

DROP INDEX idx_workflow_steps_run_status_created;

CREATE INDEX idx_workflow_steps_deadline
    ON workflow_steps (deadline_at, id)
    WHERE deadline_at IS NOT NULL;

-- The dependent's handler gets the prerequisite's output with its payload.
-- A large workflow is mostly edges, so that they are what an enqueue costs. The keys to
-- the steps imply the one to the run, and cost a third of an edge each. A step belongs to
-- one run, so the edges of a run are found through its steps.
ALTER TABLE workflow_step_dependencies
    ADD COLUMN passes_output boolean NOT NULL DEFAULT FALSE,
    DROP CONSTRAINT fk_workflow_step_dependencies_run,
    DROP CONSTRAINT pk_workflow_step_dependencies,
    ADD CONSTRAINT pk_workflow_step_dependencies
        PRIMARY KEY (prerequisite_step_id, dependent_step_id);

DROP INDEX idx_workflow_step_dependencies_prerequisite;

-- A statement that sets updated_at keeps what it wrote and does not enter the trigger.
DROP TRIGGER trg_workflow_runs_set_updated_at ON workflow_runs;

CREATE TRIGGER trg_workflow_runs_set_updated_at
    BEFORE UPDATE ON workflow_runs
    FOR EACH ROW
    WHEN (OLD.updated_at = NEW.updated_at)
    EXECUTE FUNCTION set_updated_at_timestamp();

DROP TRIGGER trg_workflow_steps_set_updated_at ON workflow_steps;

CREATE TRIGGER trg_workflow_steps_set_updated_at
    BEFORE UPDATE ON workflow_steps
    FOR EACH ROW
    WHEN (OLD.updated_at = NEW.updated_at)
    EXECUTE FUNCTION set_updated_at_timestamp();

-- A run is also changed by retrying a step of it in place.
ALTER TABLE workflow_run_mutations
    ADD COLUMN mutation_kind text NOT NULL DEFAULT 'APPEND_STEPS',
    ADD CONSTRAINT chk_workflow_run_mutations_kind
        CHECK (mutation_kind IN ('APPEND_STEPS', 'RETRY_STEP'));
