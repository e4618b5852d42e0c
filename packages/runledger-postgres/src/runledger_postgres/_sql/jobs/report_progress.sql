-- Write what many handlers report under their live leases: stage, progress, checkpoint.
-- The same for each as update_job_progress.sql, but for the waiting.
--
-- Locks job_queue rows in id order (rank 2) and steps over those that somebody else
-- holds, since whoever holds one job's row for a report must not wait for another. Such a
-- report is answered as busy, and so is one whose job has just changed; whoever repeats
-- it learns which.
WITH /*bounded*/
report AS (
    SELECT r.*
    FROM bound
    CROSS JOIN unnest(
        %(job_ids)s::uuid[],
        %(run_numbers)s::integer[],
        %(attempts)s::integer[],
        %(worker_ids)s::text[],
        %(stages)s::text[],
        %(progress_done)s::bigint[],
        %(progress_total)s::bigint[],
        %(checkpoints)s::text[]::jsonb[]
    ) WITH ORDINALITY AS r (
        job_id, run_number, attempt, worker_id, stage, progress_done, progress_total,
        checkpoint, position
    )
),
held AS MATERIALIZED (
    SELECT
        q.id, q.lease_expires_at, r.position, r.stage AS reported_stage,
        r.progress_done AS reported_done, r.progress_total AS reported_total,
        COALESCE(r.stage, q.stage) AS stage,
        COALESCE(r.progress_done, q.progress_done) AS progress_done,
        COALESCE(r.progress_total, q.progress_total) AS progress_total,
        COALESCE(r.checkpoint, q.checkpoint) AS checkpoint
    FROM (SELECT * FROM report ORDER BY job_id) AS r
    CROSS JOIN LATERAL (
        SELECT
            id, lease_expires_at, stage, progress_done, progress_total, checkpoint
        FROM job_queue
        WHERE id = r.job_id
          AND run_number = r.run_number
          AND attempt = r.attempt
          AND worker_id = r.worker_id
          AND status = 'LEASED'
          AND lease_expires_at > clock_timestamp()
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS q
),
live AS MATERIALIZED (
    SELECT
        *,
        clock_timestamp() AS reported_at,
        COALESCE(progress_done <= progress_total, TRUE) AS is_progress_valid
    FROM held
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
        q.lease_expires_at, l.reported_stage, l.reported_done, l.reported_total,
        l.reported_at, l.position
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
        WHERE r.reported_stage IS NOT NULL
        UNION ALL
        SELECT 2, 'PROGRESS', NULL, r.reported_done, r.reported_total
        WHERE COALESCE(r.reported_done, r.reported_total) IS NOT NULL
    ) AS e
    ORDER BY r.position, e.ordinal
)
SELECT
    position, 'written' AS answer, stage, progress_done, progress_total,
    lease_expires_at
FROM reported
UNION ALL
SELECT position, 'invalid', stage, progress_done, progress_total, NULL
FROM live
WHERE NOT is_progress_valid
UNION ALL
SELECT r.position, 'busy', NULL, NULL, NULL, NULL
FROM report AS r
JOIN job_queue AS q ON q.id = r.job_id
WHERE q.run_number = r.run_number
  AND q.attempt = r.attempt
  AND q.worker_id = r.worker_id
  AND q.status = 'LEASED'
  AND q.lease_expires_at > clock_timestamp()
  AND NOT EXISTS (SELECT FROM reported WHERE position = r.position)
  AND NOT EXISTS (
      SELECT FROM live WHERE position = r.position AND NOT is_progress_valid
  )
