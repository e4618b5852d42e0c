-- Delete ended jobs of a certain age with all that hangs on them. One call looks at a
-- fixed number of jobs, oldest end first, and says how far it came.
--
-- Jobs with a key are looked at and left, unless they too may go; a job that belongs to
-- a workflow goes with its run.
-- Locks job_queue rows (rank 2) in id order and steps over those that others hold, so
-- it waits for nobody. Claims want pending rows, which are none of these.
WITH examined AS MATERIALIZED (
    SELECT ctid AS row_id, id, finished_at, idempotency_key
    FROM job_queue
    WHERE finished_at < now() - make_interval(secs => %(older_than_seconds)s)
      AND (finished_at, id) > (
          %(after_finished_at)s::timestamptz, %(after_id)s::uuid
      )
    ORDER BY finished_at, id
    LIMIT %(limit)s
),
held AS MATERIALIZED (
    SELECT q.id
    FROM job_queue AS q
    WHERE q.ctid = ANY (ARRAY(
          SELECT e.row_id
          FROM examined AS e
          WHERE NOT %(keep_keyed)s OR e.idempotency_key IS NULL
      ))
      AND q.finished_at < now() - make_interval(secs => %(older_than_seconds)s)
      AND NOT EXISTS (
          SELECT
          FROM workflow_steps AS s
          WHERE s.job_id = q.id
      )
    ORDER BY q.id
    FOR UPDATE OF q SKIP LOCKED
),
events AS (
    DELETE FROM job_events
    WHERE job_id = ANY (ARRAY(SELECT id FROM held))
),
attempts AS (
    DELETE FROM job_attempts
    WHERE job_id = ANY (ARRAY(SELECT id FROM held))
),
logs AS (
    DELETE FROM job_logs
    WHERE job_id = ANY (ARRAY(SELECT id FROM held))
),
dead_letters AS (
    DELETE FROM job_dead_letters
    WHERE job_id = ANY (ARRAY(SELECT id FROM held))
),
deleted AS (
    DELETE FROM job_queue
    WHERE id = ANY (ARRAY(SELECT id FROM held))
    RETURNING id
)
SELECT
    (SELECT count(*) FROM deleted) AS deleted_count,
    (SELECT count(*) FROM examined) AS examined_count,
    last.finished_at AS last_finished_at,
    last.id AS last_id
FROM (VALUES (TRUE)) AS always
LEFT JOIN (
    SELECT finished_at, id
    FROM examined
    ORDER BY finished_at DESC, id DESC
    LIMIT 1
) AS last ON TRUE
