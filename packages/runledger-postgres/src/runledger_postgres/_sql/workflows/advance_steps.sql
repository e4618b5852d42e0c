-- Take blocked steps where they go when they wait for nothing any more: tell the dependents
-- of steps that have ended, all of them at once, and enqueue the jobs of those that are
-- ready, open the gates, and cancel those that needed a success which did not come. So
-- it is with steps that nobody has to tell, because they never waited. Returns for each
-- run how many were enqueued and opened, and which were canceled.
--
-- A step is written once: a second update in one transaction would be another version of
-- its row, and would have PostgreSQL check its foreign keys anew, changed or not. Steps
-- that have ended or were released before are left alone, so a repeat does nothing.
--
-- The runs' locks (rank 1), which the caller holds, are what keeps the steps as they were
-- read, and in their place. Locks workflow_steps (rank 3) and inserts jobs (rank 4): nobody
-- can hold any of them against us, and nothing is waited for. A step's key to its
-- definition is what keeps that for the job. Jobs get their ids in the order of their
-- steps, and so are claimed in that order; they are made of one uuidv7(), as in
-- enqueue_jobs.sql. Wakes sleepers for them.
--
-- The ids are read from a row, where the planner does not see how many there are, so that
-- it keeps one plan; see claim_jobs.sql.
WITH asked AS MATERIALIZED (
    SELECT
        %(ended_ids)s::uuid[] AS ended_ids,
        %(successes)s::boolean[] AS successes,
        %(ready_ids)s::uuid[] AS ready_ids
),
base AS MATERIALIZED (
    SELECT
        left(drawn, 24) AS head,
        ('x8' || right(drawn, 11))::bit(48)::bigint AS tail
    FROM CAST(uuidv7() AS text) AS drawn
),
told AS (
    SELECT
        d.id,
        count(d.release_mode)::integer AS ended_count,
        count(*) FILTER (
            WHERE d.release_mode = 'ON_SUCCESS' AND NOT d.is_success
        )::integer AS unsatisfied_count
    FROM (
        SELECT d.dependent_step_id AS id, d.release_mode, e.is_success
        FROM asked AS a
        CROSS JOIN LATERAL unnest(a.ended_ids, a.successes) AS e (id, is_success)
        CROSS JOIN LATERAL (
            SELECT dependent_step_id, release_mode
            FROM workflow_step_dependencies
            WHERE prerequisite_step_id = e.id
            OFFSET 0
        ) AS d
        UNION ALL
        SELECT r.id, NULL, NULL
        FROM asked AS a
        CROSS JOIN LATERAL unnest(a.ready_ids) AS r (id)
    ) AS d
    GROUP BY d.id
),
counted AS (
    SELECT
        s.*,
        s.dependency_count_pending - t.ended_count AS pending_count,
        s.dependency_count_unsatisfied + t.unsatisfied_count AS unsatisfied_count
    FROM told AS t
    CROSS JOIN LATERAL (
        SELECT
            ctid AS row_id, id, workflow_run_id, status, execution_kind, job_type,
            organization_id, payload, priority, max_attempts, timeout_seconds, stage,
            deadline_seconds, dependency_count_pending, dependency_count_unsatisfied
        FROM workflow_steps
        WHERE id = t.id
        OFFSET 0
    ) AS s
    WHERE s.status = 'BLOCKED'
),
moved AS MATERIALIZED (
    SELECT
        c.*,
        c.next_status = 'CANCELED' AS is_canceled,
        CASE
            WHEN c.next_status = 'ENQUEUED'
                THEN (b.head || to_hex(b.tail + c.position))::uuid
        END AS job_id
    FROM base AS b
    CROSS JOIN (
        SELECT
            *,
            row_number() OVER (ORDER BY id) AS position,
            CASE
                WHEN pending_count > 0 THEN 'BLOCKED'
                WHEN unsatisfied_count > 0 THEN 'CANCELED'
                WHEN execution_kind = 'EXTERNAL' THEN 'WAITING_FOR_EXTERNAL'
                ELSE 'ENQUEUED'
            END AS next_status
        FROM counted
    ) AS c
),
written AS (
    UPDATE workflow_steps AS s
    SET status = m.next_status::workflow_step_status,
        job_id = m.job_id,
        dependency_count_pending = m.pending_count,
        dependency_count_unsatisfied = m.unsatisfied_count,
        released_at = CASE
            WHEN m.next_status IN ('ENQUEUED', 'WAITING_FOR_EXTERNAL') THEN now()
        END,
        deadline_at = CASE
            WHEN m.next_status = 'WAITING_FOR_EXTERNAL'
                THEN now() + make_interval(secs => m.deadline_seconds)
        END,
        status_reason = CASE WHEN m.is_canceled THEN %(code)s::text END,
        last_error_code = CASE WHEN m.is_canceled THEN %(code)s::text END,
        last_error_message = CASE WHEN m.is_canceled THEN %(message)s::text END,
        finished_at = CASE WHEN m.is_canceled THEN clock_timestamp() END,
        updated_at = clock_timestamp()
    FROM moved AS m
    WHERE s.ctid = m.row_id
),
job AS (
    INSERT INTO job_queue (
        id, job_type, organization_id, payload, priority, max_attempts,
        timeout_seconds, stage
    )
    SELECT
        job_id, job_type, organization_id, payload, priority, max_attempts,
        timeout_seconds, stage
    FROM moved
    WHERE job_id IS NOT NULL
),
event AS (
    INSERT INTO job_events (job_id, run_number, event_type, stage, payload)
    SELECT job_id, 1, 'ENQUEUED', stage, jsonb_build_object('job_type', job_type)
    FROM moved
    WHERE job_id IS NOT NULL
),
queued AS (
    SELECT job_type, now() AS next_run_at
    FROM moved
    WHERE job_id IS NOT NULL
),
/*wake*/
SELECT
    workflow_run_id,
    count(job_id) AS enqueued_count,
    count(*) FILTER (WHERE next_status = 'WAITING_FOR_EXTERNAL') AS waiting_count,
    COALESCE(array_agg(id) FILTER (WHERE is_canceled), '{}') AS canceled_ids,
    (SELECT count(*) FROM woken) AS woken_count
FROM moved
WHERE next_status <> 'BLOCKED'
GROUP BY workflow_run_id
ORDER BY workflow_run_id
