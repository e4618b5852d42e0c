-- Read the dead letter of one job. Locks nothing.
SELECT
    d.job_id, d.job_type, d.organization_id, d.run_number, d.attempt, d.error_code,
    d.error_message, d.payload_snapshot, d.checkpoint_snapshot, d.failed_at,
    d.created_at, q.status::text AS job_status, q.run_number AS job_run_number
FROM (
    SELECT
        job_id, job_type, organization_id, run_number, attempt, error_code,
        error_message, payload_snapshot, checkpoint_snapshot, failed_at, created_at
    FROM job_dead_letters
    WHERE job_id = %(job_id)s
      AND /*scope*/
) AS d
JOIN job_queue AS q ON q.id = d.job_id
