-- Serve every list and count of jobs from an index, with fewer entries a job than
-- before. An index over all jobs gets an entry at each change of status; one over the
-- waiting jobs gets it when a job is enqueued, one over the ended jobs when it ends.
-- All lists go by id, newest first, so that one cursor fits every filter. They step
-- through the job types, which are few, and merge.
-- Locks: ACCESS EXCLUSIVE on job_queue until the end of the transaction: DROP INDEX
-- needs it, and each index built here reads the table once. On a large ledger stop the
-- workers for it. No row is rewritten.

DROP INDEX idx_job_queue_organization_id;
DROP INDEX idx_job_queue_type_id;
DROP INDEX idx_job_queue_ended;

-- Whether a job is global stands in the keys as a column of its own: GLOBAL is one range
-- then, and EVERYTHING two. The organization is carried along only so that the planner
-- can see that the index alone has the answer.
CREATE INDEX idx_job_queue_pending_listed
    ON job_queue (job_type, (organization_id IS NULL), id) INCLUDE (organization_id)
    WHERE status = 'PENDING';

CREATE INDEX idx_job_queue_ended_listed
    ON job_queue (status, job_type, (organization_id IS NULL), id)
    INCLUDE (organization_id)
    WHERE finished_at IS NOT NULL;

CREATE INDEX idx_job_queue_organization_pending_listed
    ON job_queue (organization_id, job_type, id)
    WHERE status = 'PENDING' AND organization_id IS NOT NULL;

CREATE INDEX idx_job_queue_organization_ended_listed
    ON job_queue (organization_id, status, job_type, id)
    WHERE finished_at IS NOT NULL AND organization_id IS NOT NULL;

-- Retention: the ended jobs by their age.
CREATE INDEX idx_job_queue_ended
    ON job_queue (finished_at, id)
    WHERE finished_at IS NOT NULL;

-- The same rule with the key before the organization: a key is found without knowing
-- whose it is.
DROP INDEX uq_job_queue_type_idempotency_org;

CREATE UNIQUE INDEX uq_job_queue_type_idempotency_org
    ON job_queue (job_type, idempotency_key, organization_id)
    WHERE idempotency_key IS NOT NULL AND organization_id IS NOT NULL;
