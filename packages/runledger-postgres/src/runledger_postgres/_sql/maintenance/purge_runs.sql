-- Delete ended workflow runs of a certain age with their steps, edges, mutations and
-- jobs, and all that hangs on those. One call takes runs, the oldest end first, until
-- they have as many steps as it may look at; a run goes whole or not at all.
--
-- Runs with a key are looked at and left, unless they too may go.
-- Locks workflow_runs (rank 1), then workflow_steps (rank 3) and job_queue rows (rank 2),
-- each in id order, and steps over what others hold: it waits for nobody, so the order of
-- the ranks does not bind it. Nothing moves in a run whose row is held; a run of which
-- anything else was held stays.
WITH aged AS MATERIALIZED (
    SELECT id, finished_at, idempotency_key, step_count
    FROM workflow_runs
    WHERE finished_at < now() - make_interval(secs => %(older_than_seconds)s)
      AND (finished_at, id) > (
          %(after_finished_at)s::timestamptz, %(after_id)s::uuid
      )
    ORDER BY finished_at, id
    LIMIT LEAST(%(limit)s::bigint, 100)
),
examined AS MATERIALIZED (
    SELECT id, finished_at, idempotency_key
    FROM (
        SELECT
            id, finished_at, idempotency_key,
            sum(step_count) OVER (ORDER BY finished_at, id) - step_count
                AS steps_before
        FROM aged
    ) AS summed
    WHERE steps_before < %(limit)s::bigint
),
run AS MATERIALIZED (
    SELECT r.id
    FROM workflow_runs AS r
    WHERE r.id = ANY (ARRAY(
          SELECT e.id
          FROM examined AS e
          WHERE NOT %(keep_keyed)s OR e.idempotency_key IS NULL
      ))
      AND r.finished_at < now() - make_interval(secs => %(older_than_seconds)s)
    ORDER BY r.id
    FOR UPDATE OF r SKIP LOCKED
),
step AS MATERIALIZED (
    SELECT s.id, s.workflow_run_id, s.job_id
    FROM workflow_steps AS s
    WHERE s.workflow_run_id = ANY (ARRAY(SELECT id FROM run))
    ORDER BY s.id
    FOR UPDATE OF s SKIP LOCKED
),
job AS MATERIALIZED (
    SELECT q.id
    FROM job_queue AS q
    WHERE q.id = ANY (ARRAY(SELECT job_id FROM step WHERE job_id IS NOT NULL))
      AND q.finished_at IS NOT NULL
    ORDER BY q.id
    FOR UPDATE OF q SKIP LOCKED
),
doomed AS MATERIALIZED (
    SELECT id
    FROM run
    WHERE id NOT IN (
        SELECT s.workflow_run_id
        FROM workflow_steps AS s
        WHERE s.workflow_run_id = ANY (ARRAY(SELECT id FROM run))
          AND (
              s.id NOT IN (SELECT id FROM step)
              OR (s.job_id IS NOT NULL AND s.job_id NOT IN (SELECT id FROM job))
          )
    )
),
doomed_step AS MATERIALIZED (
    SELECT id, job_id
    FROM step
    WHERE workflow_run_id IN (SELECT id FROM doomed)
),
doomed_job AS MATERIALIZED (
    SELECT job_id AS id
    FROM doomed_step
    WHERE job_id IS NOT NULL
),
edges AS (
    DELETE FROM workflow_step_dependencies
    WHERE prerequisite_step_id = ANY (ARRAY(SELECT id FROM doomed_step))
),
mutations AS (
    DELETE FROM workflow_run_mutations
    WHERE workflow_run_id = ANY (ARRAY(SELECT id FROM doomed))
),
steps AS (
    DELETE FROM workflow_steps
    WHERE id = ANY (ARRAY(SELECT id FROM doomed_step))
),
events AS (
    DELETE FROM job_events
    WHERE job_id = ANY (ARRAY(SELECT id FROM doomed_job))
),
attempts AS (
    DELETE FROM job_attempts
    WHERE job_id = ANY (ARRAY(SELECT id FROM doomed_job))
),
logs AS (
    DELETE FROM job_logs
    WHERE job_id = ANY (ARRAY(SELECT id FROM doomed_job))
),
dead_letters AS (
    DELETE FROM job_dead_letters
    WHERE job_id = ANY (ARRAY(SELECT id FROM doomed_job))
),
jobs AS (
    DELETE FROM job_queue
    WHERE id = ANY (ARRAY(SELECT id FROM doomed_job))
    RETURNING id
),
deleted AS (
    DELETE FROM workflow_runs
    WHERE id = ANY (ARRAY(SELECT id FROM doomed))
    RETURNING id
)
SELECT
    (SELECT count(*) FROM deleted) AS deleted_count,
    (SELECT count(*) FROM jobs) AS deleted_job_count,
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
