-- Lease due jobs and write down that they were leased: job, attempt and event in one
-- statement, whatever the number of jobs.
--
-- Candidates come in claim order from idx_job_queue_claim, which holds PENDING rows
-- only; rows another claimer holds are stepped over. Locks job_queue rows (rank 1).
-- The stage is `running` at once: whoever claims starts what it claimed.
WITH candidate AS MATERIALIZED (
    SELECT id
    FROM job_queue
    WHERE status = 'PENDING'
      AND next_run_at <= now()
      AND (
          %(job_types)s::text[] IS NULL
          OR job_type = ANY (%(job_types)s::text[])
      )
    ORDER BY priority DESC, next_run_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
),
leased AS (
    UPDATE job_queue AS q
    SET status = 'LEASED',
        attempt = q.attempt + 1,
        worker_id = %(worker_id)s,
        lease_expires_at = now() + make_interval(secs => %(lease_seconds)s),
        last_heartbeat_at = now(),
        started_at = COALESCE(q.started_at, now()),
        stage = 'running',
        updated_at = now()
    FROM candidate AS c
    WHERE q.id = c.id
    RETURNING
        q.id, q.job_type, q.organization_id, q.payload, q.checkpoint, q.priority,
        q.run_number, q.attempt, q.max_attempts, q.timeout_seconds, q.next_run_at,
        q.lease_expires_at
),
attempt AS (
    INSERT INTO job_attempts (
        job_id, run_number, attempt, worker_id, leased_at, started_at,
        execution_started_persisted_at
    )
    SELECT id, run_number, attempt, %(worker_id)s, now(), now(), now()
    FROM leased
),
event AS (
    INSERT INTO job_events (job_id, run_number, attempt, event_type, stage, payload)
    SELECT
        id, run_number, attempt, 'LEASED', 'running',
        jsonb_build_object(
            'worker_id', %(worker_id)s::text,
            'lease_duration_seconds', %(lease_seconds)s::integer
        )
    FROM leased
)
SELECT
    id AS job_id, job_type, organization_id, payload, checkpoint, priority, run_number,
    attempt, max_attempts, timeout_seconds, lease_expires_at
FROM leased
ORDER BY priority DESC, next_run_at, id
