-- Find runs with an idempotency key and nothing to compare a repeat with.
SELECT id
FROM workflow_runs
WHERE idempotency_key IS NOT NULL
  AND enqueue_request IS NULL
ORDER BY id
LIMIT %(limit)s
