-- A page of one job type's dead letters without their snapshots, the newest death
-- first; list_dead_letters.sql with a type, a text of its own for the sake of the index
-- that serves it. Locks nothing.
SELECT
    d.job_id, d.job_type, d.organization_id, d.run_number, d.attempt, d.error_code,
    d.error_message, d.failed_at, q.status::text AS job_status,
    q.run_number AS job_run_number
FROM (
    SELECT
        job_id, job_type, organization_id, run_number, attempt, error_code,
        error_message, failed_at
    FROM job_dead_letters
    WHERE job_type = %(job_type)s
      AND (failed_at, job_id) < (
        COALESCE(%(before_failed_at)s::timestamptz, 'infinity'),
        COALESCE(
            %(before_job_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'
        )
    )
      AND /*scope*/
    ORDER BY failed_at DESC, job_id DESC
    LIMIT %(limit)s
) AS d
JOIN job_queue AS q ON q.id = d.job_id
ORDER BY d.failed_at DESC, d.job_id DESC
