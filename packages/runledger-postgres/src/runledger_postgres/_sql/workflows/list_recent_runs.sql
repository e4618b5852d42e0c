-- A page of all runs, newest first. Locks nothing.
SELECT
    id, workflow_type, organization_id, status::text AS status, status_reason,
    idempotency_key, fail_fast, result_step_key, step_count, ended_step_count,
    enqueued_step_count, waiting_step_count, unsuccessful_step_count, started_at,
    finished_at, created_at, updated_at
FROM workflow_runs
WHERE id < %(before_id)s::uuid
ORDER BY id DESC
LIMIT %(limit)s
