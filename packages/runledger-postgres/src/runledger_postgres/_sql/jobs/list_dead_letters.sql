-- A page of dead letters without their snapshots, the newest death first. Locks nothing.
-- The cursor is a row comparison, which an index on (failed_at, job_id) serves.
SELECT
    d.job_id, d.job_type, d.organization_id, d.run_number, d.attempt, d.error_code,
    d.error_message, d.failed_at, q.status::text AS job_status,
    q.run_number AS job_run_number
FROM (
    SELECT
        job_id, job_type, organization_id, run_number, attempt, error_code,
        error_message, failed_at
    FROM job_dead_letters
    WHERE (failed_at, job_id) < (
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
