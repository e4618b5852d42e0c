-- Lock the run that a job is a step of, if it is one.
--
-- Locks the workflow_runs row (rank 1), before the job. The step has the organization of
-- its job, so a job out of scope leads to no run.
SELECT r.id
FROM workflow_runs AS r
WHERE r.id = (
    SELECT workflow_run_id
    FROM workflow_steps
    WHERE job_id = %(job_id)s
      AND /*scope*/
)
FOR NO KEY UPDATE OF r
