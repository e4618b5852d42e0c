-- Which of the two request-snapshot checks are still NOT VALID here? Locks nothing.
SELECT c.conname::text AS name
FROM pg_catalog.pg_constraint AS c
WHERE c.connamespace = to_regnamespace(quote_ident(current_schema()))
  AND c.conname IN (
      'ck_job_queue_idempotency_enqueue_request',
      'ck_workflow_runs_idempotency_enqueue_request'
  )
  AND NOT c.convalidated
ORDER BY c.conname
