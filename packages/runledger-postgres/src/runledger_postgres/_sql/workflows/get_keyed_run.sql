-- Read the run that owns an idempotency key. Locks nothing.
SELECT
    id, workflow_type, organization_id, status::text AS status, status_reason,
    idempotency_key, metadata, fail_fast, result_step_key, result, step_count,
    ended_step_count, enqueued_step_count, waiting_step_count,
    unsuccessful_step_count, started_at, finished_at, created_at, updated_at
FROM workflow_runs
WHERE workflow_type = %(workflow_type)s
  AND idempotency_key = %(idempotency_key)s
  AND /*scope*/
