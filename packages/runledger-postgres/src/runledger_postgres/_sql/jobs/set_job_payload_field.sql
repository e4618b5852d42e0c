-- Set one top-level field of the payload of one job that nobody has begun, has asked for
-- by a key or has made a step of; say what kept us from it otherwise.
--
-- Locks the job_queue row (rank 2), which lock_job.sql has locked before, so that the
-- row that is judged is the row that is written.
WITH judged AS MATERIALIZED (
    SELECT
        id,
        CASE
            WHEN EXISTS (
                SELECT
                FROM workflow_steps AS s
                WHERE s.job_id = job_queue.id
            ) THEN 'WORKFLOW_MANAGED'
            WHEN enqueue_request IS NOT NULL OR idempotency_key IS NOT NULL
                THEN 'IDEMPOTENT_REQUEST_SNAPSHOT'
            WHEN status <> 'PENDING' OR worker_id IS NOT NULL
                THEN 'NOT_PENDING_OR_CLAIMED'
            WHEN jsonb_typeof(payload) <> 'object' THEN 'PAYLOAD_NOT_AN_OBJECT'
            ELSE 'UPDATED'
        END AS disposition
    FROM job_queue
    WHERE id = %(job_id)s
      AND job_type = %(job_type)s
      AND /*scope*/
),
updated AS (
    UPDATE job_queue AS q
    SET payload = q.payload
            || jsonb_build_object(%(field)s::text, %(value)s::text::jsonb),
        updated_at = clock_timestamp()
    FROM judged AS j
    WHERE q.id = j.id
      AND j.disposition = 'UPDATED'
)
SELECT disposition
FROM judged
