-- Add one line to what the application says about a job. Locks the job's row FOR KEY
-- SHARE by its key, which neither a claim nor an end of the job waits for.
INSERT INTO job_logs (job_id, run_number, attempt, level, message, payload)
VALUES (
    %(job_id)s, %(run_number)s, %(attempt)s::integer, %(level)s, %(message)s,
    %(payload)s::text::jsonb
)
RETURNING id, job_id, run_number, attempt, level, message, payload, occurred_at
