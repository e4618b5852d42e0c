-- Find which of these steps stop their runs: those of runs with fail_fast, the first to
-- end of each run. Locks nothing; the caller holds the runs' locks (rank 1).
SELECT DISTINCT ON (r.id)
    r.id AS run_id, s.step_key, s.status::text AS status
FROM workflow_steps AS s
JOIN workflow_runs AS r ON r.id = s.workflow_run_id
WHERE s.id = ANY (%(step_ids)s::uuid[])
  AND r.fail_fast
ORDER BY r.id, s.finished_at, s.id
