-- Pausing a job type's claims apart from accepting its enqueues; what finds ended jobs
-- and runs by age; and the shape of a job's row as the database's own business.
-- Locks: ACCESS EXCLUSIVE on job_definitions for a catalog change; SHARE on job_queue and
-- workflow_runs (writers wait) while the indexes are built, then ACCESS EXCLUSIVE on
-- job_queue while the checks read it once. On a large ledger stop the workers for it.

ALTER TABLE job_definitions ADD COLUMN paused_at timestamptz;

-- Retention, listings of ended jobs and their counts. An entry is written once in a
-- job's run, when it ends.
CREATE INDEX idx_job_queue_ended
    ON job_queue (status, finished_at, id)
    WHERE finished_at IS NOT NULL;

CREATE INDEX idx_workflow_runs_ended
    ON workflow_runs (finished_at, id)
    WHERE finished_at IS NOT NULL;

-- Whoever writes the row, an ended job has its end and only a leased one has a lease.
ALTER TABLE job_queue
    ADD CONSTRAINT chk_job_queue_finished_shape CHECK (
        (finished_at IS NOT NULL)
        = (status IN ('SUCCEEDED', 'DEAD_LETTERED', 'CANCELED'))
    ),
    ADD CONSTRAINT chk_job_queue_lease_shape CHECK (
        (status = 'LEASED') = (worker_id IS NOT NULL)
        AND (status = 'LEASED') = (lease_expires_at IS NOT NULL)
    );
