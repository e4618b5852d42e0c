-- Write what a handler reports under its live lease: stage, progress, checkpoint.
--
-- What is not reported keeps its stored value, and the two together must be valid; if
-- they are not, nothing is written and the row says so. Stage and progress each have
-- their event, a checkpoint has none. The row's update time moves with every report:
-- release_unstarted_claims.sql knows by it that the work began.
--
-- Locks the job_queue row (rank 2), for a bounded time. The expiry is tested again on
-- the locked row, because the wait for the lock may have outlived it.
WITH /*bounded*/
held AS MATERIALIZED (
    SELECT
        q.id, q.lease_expires_at,
        COALESCE(%(stage)s::text, q.stage) AS stage,
        COALESCE(%(progress_done)s::bigint, q.progress_done) AS progress_done,
        COALESCE(%(progress_total)s::bigint, q.progress_total) AS progress_total,
        COALESCE(%(checkpoint)s::text::jsonb, q.checkpoint) AS checkpoint
    FROM bound
    CROSS JOIN job_queue AS q
    WHERE q.id = %(job_id)s
      AND q.run_number = %(run_number)s
      AND q.attempt = %(attempt)s
      AND q.worker_id = %(worker_id)s
      AND q.status = 'LEASED'
      AND q.lease_expires_at > clock_timestamp()
    FOR NO KEY UPDATE OF q
),
live AS MATERIALIZED (
    SELECT
        id, stage, progress_done, progress_total, checkpoint,
        clock_timestamp() AS reported_at,
        COALESCE(progress_done <= progress_total, TRUE) AS is_progress_valid
    FROM held
    WHERE lease_expires_at > clock_timestamp()
),
reported AS (
    UPDATE job_queue AS q
    SET stage = l.stage,
        progress_done = l.progress_done,
        progress_total = l.progress_total,
        checkpoint = l.checkpoint,
        updated_at = l.reported_at
    FROM live AS l
    WHERE q.id = l.id
      AND l.is_progress_valid
    RETURNING
        q.id, q.run_number, q.attempt, q.stage, q.progress_done, q.progress_total,
        q.lease_expires_at, l.reported_at
),
event AS (
    INSERT INTO job_events (
        job_id, run_number, attempt, event_type, stage, progress_done,
        progress_total, occurred_at
    )
    SELECT
        r.id, r.run_number, r.attempt, e.event_type::job_event_type, e.stage,
        e.progress_done, e.progress_total, r.reported_at
    FROM reported AS r
    CROSS JOIN LATERAL (
        SELECT
            1 AS ordinal, 'STAGE_CHANGED' AS event_type, r.stage,
            NULL::bigint AS progress_done, NULL::bigint AS progress_total
        WHERE %(stage)s::text IS NOT NULL
        UNION ALL
        SELECT
            2, 'PROGRESS', NULL, %(progress_done)s::bigint, %(progress_total)s::bigint
        WHERE COALESCE(%(progress_done)s::bigint, %(progress_total)s::bigint)
            IS NOT NULL
    ) AS e
    ORDER BY e.ordinal
)
SELECT
    stage, progress_done, progress_total, lease_expires_at, TRUE AS is_progress_valid
FROM reported
UNION ALL
SELECT stage, progress_done, progress_total, NULL, FALSE
FROM live
WHERE NOT is_progress_valid
