-- Read in which status a run of a workflow is. Locks nothing.
SELECT status::text AS status
FROM workflow_runs
WHERE id = %(run_id)s
  AND /*scope*/
