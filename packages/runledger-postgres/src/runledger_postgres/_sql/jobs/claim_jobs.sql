-- Lease due jobs and write down that they were leased: job, attempt and event in one
-- statement, whatever the number of jobs.
--
-- What it reads is bounded whatever stands in the queue. For each job type the levels
-- of priority that have pending jobs are found by skipping through
-- idx_job_queue_claim; each level gives its first due jobs; the best of all are the
-- candidates. So neither a backlog of other types nor jobs of the future, however
-- urgent, are walked over. There are more candidates than the claim wants, because
-- those that another claimer holds are stepped over.
--
-- Rows are locked one by one, in order, by their place in the table, until there are
-- enough. Any other way tempts the planner to read all that is pending, or the whole
-- table: when the statistics were taken nothing was pending, and what comes after that
-- may be a million. The array and the limits that it does not know let it expect one row.
--
-- Of a type that has a limit no more rows are locked than that, so that its backlog
-- neither exceeds the limit nor takes the place of others among the candidates; what
-- other claimers hold of it is stepped over.
--
-- What was asked for is read from a row, where the planner does not see it. A plan for
-- these very parameters would look cheaper to it than one for any, and it would make one
-- for each claim: that takes three times as long as the claim of one job.
--
-- The time of the claim is taken after its snapshot. Before it, at now(), jobs that it
-- sees may not have been enqueued yet, if they were due before that.
--
-- An attempt that was given back before its work began is opened again. Its job says so in
-- status_reason: to be ready for a row that may be there takes PostgreSQL a look, a
-- confirmation and its WAL for each attempt.
--
-- Locks job_queue rows (rank 2) and waits for none. NO KEY, so that a job is claimed
-- although an open transaction refers to it, say by its idempotency key. The stage is
-- `running` at once: whoever claims starts what it claimed.
--
-- Which of the jobs are steps of workflows is found by one probe for each, and written
-- nowhere: that a step runs is what its job says. Steps come with the outputs that their
-- prerequisites hand on; those had ended before the job was there to be claimed. Few edges
-- hand on any, and an index has those alone, so the others are not read.
--
-- An attempt's id has the time of the claim and the random part of its job's: no other
-- attempt has both, and asking uuidv7() for each took a tenth of the statement's time.
WITH RECURSIVE asked AS MATERIALIZED (
    SELECT
        %(limit)s::integer AS job_limit,
        %(job_types)s::text[] AS job_types,
        %(limited_types)s::text[] AS limited_types,
        clock_timestamp() AS claimed_at,
        left(uuidv7()::text, 19) AS time_text
),
limited AS MATERIALIZED (
    SELECT t.job_type, t.room
    FROM unnest(%(limited_types)s::text[], %(rooms)s::integer[]) AS t (job_type, room)
    WHERE t.room BETWEEN 1 AND (SELECT job_limit FROM asked)
),
/*levels*/,
candidate AS (
    SELECT f.row_id, l.priority, f.next_run_at, f.id
    FROM level AS l
    CROSS JOIN LATERAL (
        SELECT q.ctid AS row_id, q.next_run_at, q.id
        FROM job_queue AS q
        WHERE q.status = 'PENDING'
          AND q.job_type = l.job_type
          AND q.priority = l.priority
          AND q.next_run_at BETWEEN l.first_run_at AND now()
        ORDER BY q.next_run_at, q.id
        LIMIT (SELECT 2 * job_limit + 100 FROM asked)
    ) AS f
    WHERE l.job_type <> ALL ((SELECT limited_types FROM asked)::text[])
    ORDER BY l.priority DESC, f.next_run_at, f.id
    LIMIT (SELECT 2 * job_limit + 100 FROM asked)
),
limited_candidate AS MATERIALIZED (
    SELECT r.row_id, r.priority, r.next_run_at, r.id
    FROM limited AS t
    CROSS JOIN LATERAL (
        SELECT c.*
        FROM (
            SELECT f.row_id, l.priority, f.next_run_at, f.id
            FROM level AS l
            CROSS JOIN LATERAL (
                SELECT q.ctid AS row_id, q.next_run_at, q.id
                FROM job_queue AS q
                WHERE q.status = 'PENDING'
                  AND q.job_type = l.job_type
                  AND q.priority = l.priority
                  AND q.next_run_at BETWEEN l.first_run_at AND now()
                ORDER BY q.next_run_at, q.id
                LIMIT 2 * t.room + 100
            ) AS f
            WHERE l.job_type = t.job_type
            ORDER BY l.priority DESC, f.next_run_at, f.id
            LIMIT 2 * t.room + 100
        ) AS c
        CROSS JOIN LATERAL (
            SELECT
            FROM job_queue AS q
            WHERE q.ctid = c.row_id
              AND q.status = 'PENDING'
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS q
        LIMIT t.room
    ) AS r
),
locked AS (
    SELECT q.row_id, (SELECT claimed_at FROM asked) AS claimed_at
    FROM unnest(
        ARRAY(
            SELECT c.row_id
            FROM (
                SELECT row_id, priority, next_run_at, id
                FROM candidate
                UNION ALL
                SELECT row_id, priority, next_run_at, id
                FROM limited_candidate
            ) AS c
            ORDER BY c.priority DESC, c.next_run_at, c.id
        )
    ) AS c (row_id)
    CROSS JOIN LATERAL (
        SELECT q.ctid AS row_id
        FROM job_queue AS q
        WHERE q.ctid = c.row_id
          AND q.status = 'PENDING'
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS q
    LIMIT (SELECT job_limit FROM asked)
),
leased AS (
    UPDATE job_queue AS q
    SET status = 'LEASED',
        attempt = q.attempt + 1,
        worker_id = %(worker_id)s,
        lease_expires_at = l.claimed_at + make_interval(secs => %(lease_seconds)s),
        last_heartbeat_at = l.claimed_at,
        started_at = COALESCE(q.started_at, l.claimed_at),
        stage = 'running',
        updated_at = l.claimed_at
    FROM locked AS l
    WHERE q.ctid = l.row_id
    RETURNING
        q.id, q.job_type, q.organization_id, q.payload, q.checkpoint, q.priority,
        q.run_number, q.attempt, q.max_attempts, q.timeout_seconds, q.next_run_at,
        q.lease_expires_at, q.trace_context, l.claimed_at,
        q.status_reason IS NOT DISTINCT FROM 'RELEASED' AS is_reopened
),
attempt AS (
    INSERT INTO job_attempts (
        id, job_id, run_number, attempt, worker_id, leased_at, started_at,
        execution_started_persisted_at
    )
    SELECT
        (a.time_text || substr(l.id::text, 20))::uuid, l.id, l.run_number, l.attempt,
        %(worker_id)s, l.claimed_at, l.claimed_at, l.claimed_at
    FROM leased AS l
    CROSS JOIN asked AS a
    WHERE NOT is_reopened
),
reopened AS (
    INSERT INTO job_attempts (
        job_id, run_number, attempt, worker_id, leased_at, started_at,
        execution_started_persisted_at
    )
    SELECT
        id, run_number, attempt, %(worker_id)s, claimed_at, claimed_at, claimed_at
    FROM leased
    WHERE is_reopened
    ON CONFLICT (job_id, run_number, attempt) DO UPDATE
    SET worker_id = EXCLUDED.worker_id,
        leased_at = EXCLUDED.leased_at,
        started_at = EXCLUDED.started_at,
        execution_started_persisted_at = EXCLUDED.execution_started_persisted_at,
        finished_at = NULL,
        outcome = NULL
    WHERE job_attempts.outcome = 'RELEASED'
),
event AS (
    INSERT INTO job_events (
        job_id, run_number, attempt, event_type, stage, payload, occurred_at
    )
    SELECT
        id, run_number, attempt, 'LEASED', 'running',
        jsonb_build_object(
            'worker_id', %(worker_id)s::text,
            'lease_duration_seconds', %(lease_seconds)s::integer
        ),
        claimed_at
    FROM leased
)
SELECT
    l.id AS job_id, l.job_type, l.organization_id, l.payload::text AS payload,
    l.checkpoint::text AS checkpoint, l.priority, l.run_number, l.attempt,
    l.max_attempts, l.timeout_seconds, l.lease_expires_at,
    l.trace_context::text AS trace_context,
    extract(EPOCH FROM l.claimed_at - l.next_run_at)::double precision AS waited_seconds,
    s.workflow_run_id, s.step_key, s.inputs
FROM leased AS l
LEFT JOIN LATERAL (
    SELECT
        w.workflow_run_id, w.step_key,
        CASE
            WHEN EXISTS (
                SELECT
                FROM workflow_step_dependencies AS d
                WHERE d.dependent_step_id = w.id
                  AND d.passes_output
            ) THEN (
                SELECT json_object_agg(p.step_key, p.output ORDER BY p.step_key)::text
                FROM workflow_step_dependencies AS d
                JOIN workflow_steps AS p ON p.id = d.prerequisite_step_id
                WHERE d.dependent_step_id = w.id
                  AND d.passes_output
                  AND p.output IS NOT NULL
            )
        END AS inputs
    FROM workflow_steps AS w
    WHERE w.job_id = l.id
    OFFSET 0
) AS s ON TRUE
ORDER BY l.priority DESC, l.next_run_at, l.id
