-- Take jobs whose leases expired from their workers: due again, or dead letters.
--
-- The job_queue rows are locked already, by lock_expired_leases.sql (rank 2). Whether
-- there is another attempt is decided here, against the stored max_attempts. Anything
-- else that must be waited for has a bound. What the update returns feeds all the rest.
WITH /*bounded*/
expired AS (
    SELECT
        e.job_id, e.run_number, e.attempt, e.worker_id,
        e.started_without_renewal_heartbeat, e.position,
        e.retry_min_ms
            + floor(random() * (e.retry_max_ms - e.retry_min_ms + 1))::integer
            AS drawn_delay_ms,
        clock_timestamp() AS reaped_at
    FROM bound
    CROSS JOIN unnest(
        %(job_ids)s::uuid[],
        %(run_numbers)s::integer[],
        %(attempts)s::integer[],
        %(worker_ids)s::text[],
        %(retry_min_ms)s::integer[],
        %(retry_max_ms)s::integer[],
        %(unrenewed)s::boolean[]
    ) WITH ORDINALITY AS e (
        job_id, run_number, attempt, worker_id, retry_min_ms, retry_max_ms,
        started_without_renewal_heartbeat, position
    )
),
decided AS MATERIALIZED (
    SELECT
        q.id, e.run_number, e.attempt, e.position, e.reaped_at,
        e.started_without_renewal_heartbeat, q.attempt >= q.max_attempts AS is_last,
        CASE WHEN q.attempt < q.max_attempts THEN e.drawn_delay_ms END AS retry_delay_ms
    FROM expired AS e
    JOIN job_queue AS q ON q.id = e.job_id
    WHERE q.run_number = e.run_number
      AND q.attempt = e.attempt
      AND q.worker_id = e.worker_id
      AND q.status = 'LEASED'
      AND q.lease_expires_at <= e.reaped_at
),
reaped AS (
    UPDATE job_queue AS q
    SET status = CASE
            WHEN d.is_last THEN 'DEAD_LETTERED' ELSE 'PENDING'
        END::job_status,
        worker_id = NULL,
        lease_expires_at = NULL,
        last_heartbeat_at = NULL,
        finished_at = CASE WHEN d.is_last THEN d.reaped_at END,
        next_run_at = COALESCE(
            d.reaped_at + d.retry_delay_ms * interval '1 millisecond', q.next_run_at
        ),
        stage = CASE WHEN d.is_last THEN q.stage ELSE 'queued' END,
        output = NULL,
        status_reason = 'LEASE_EXPIRED',
        last_error_code = %(error_code)s,
        last_error_message = %(error_message)s,
        updated_at = d.reaped_at
    FROM decided AS d
    WHERE q.id = d.id
    RETURNING
        q.id, q.job_type, q.organization_id, q.payload, q.checkpoint, q.next_run_at,
        d.run_number, d.attempt, d.position, d.reaped_at, d.is_last, d.retry_delay_ms,
        d.started_without_renewal_heartbeat
),
attempt AS (
    UPDATE job_attempts AS a
    SET finished_at = r.reaped_at,
        outcome = 'LEASE_EXPIRED',
        error_code = %(error_code)s,
        error_message = %(error_message)s,
        retry_delay_ms = r.retry_delay_ms
    FROM reaped AS r
    WHERE a.job_id = r.id
      AND a.run_number = r.run_number
      AND a.attempt = r.attempt
      AND a.finished_at IS NULL
),
dead_letter AS (
    INSERT INTO job_dead_letters (
        job_id, job_type, organization_id, run_number, attempt, error_code,
        error_message, payload_snapshot, checkpoint_snapshot, failed_at
    )
    SELECT
        id, job_type, organization_id, run_number, attempt, %(error_code)s,
        %(error_message)s, payload, checkpoint, reaped_at
    FROM reaped
    WHERE is_last
    ON CONFLICT (job_id) DO UPDATE
    SET run_number = EXCLUDED.run_number,
        attempt = EXCLUDED.attempt,
        error_code = EXCLUDED.error_code,
        error_message = EXCLUDED.error_message,
        payload_snapshot = EXCLUDED.payload_snapshot,
        checkpoint_snapshot = EXCLUDED.checkpoint_snapshot,
        failed_at = EXCLUDED.failed_at
),
event AS (
    INSERT INTO job_events (
        job_id, run_number, attempt, event_type, payload, occurred_at
    )
    SELECT
        r.id, r.run_number, r.attempt, e.event_type::job_event_type,
        e.payload || jsonb_build_object(
            'kind', 'LEASE_EXPIRED',
            'started_without_renewal_heartbeat', r.started_without_renewal_heartbeat
        ),
        r.reaped_at
    FROM reaped AS r
    CROSS JOIN LATERAL (
        SELECT
            1 AS ordinal, 'FAILED' AS event_type,
            jsonb_build_object(
                'error_code', %(error_code)s::text,
                'error_message', %(error_message)s::text
            ) AS payload
        UNION ALL
        SELECT
            2, 'RETRY_SCHEDULED',
            jsonb_build_object(
                'retry_delay_ms', r.retry_delay_ms,
                'retry_timing_source', 'POLICY',
                'effective_next_run_at', r.next_run_at,
                'next_run_at', r.next_run_at
            )
        WHERE NOT r.is_last
        UNION ALL
        SELECT
            2, 'DEAD_LETTERED',
            jsonb_build_object('error_code', %(error_code)s::text)
        WHERE r.is_last
    ) AS e
    ORDER BY r.position, e.ordinal
),
-- See complete_jobs.sql.
told AS MATERIALIZED (
    SELECT
        count(
            pg_notify(
                'runledger_job_terminal',
                json_build_object('job_id', r.id, 'status', 'DEAD_LETTERED')::text
            )
        )
    FROM reaped AS r
    WHERE r.is_last
      AND r.id = ANY (
          ARRAY(
              SELECT w.target_id
              FROM result_waiters AS w
              WHERE (w.target_id IN (SELECT id FROM reaped)) IS TRUE
                AND w.expires_at > clock_timestamp()
          )
      )
),
queued AS (
    SELECT job_type, next_run_at
    FROM reaped
    WHERE NOT is_last
),
/*wake*/
SELECT
    position, is_last,
    CASE WHEN NOT is_last THEN next_run_at END AS next_run_at,
    CASE WHEN is_last THEN payload END AS payload,
    CASE WHEN is_last THEN checkpoint END AS checkpoint,
    (SELECT count(*) FROM woken) AS woken_count
FROM reaped
CROSS JOIN told
