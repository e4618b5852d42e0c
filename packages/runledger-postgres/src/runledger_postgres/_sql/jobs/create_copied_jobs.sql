-- Make the table that COPY fills: its session's own, dropped in the same transaction.
-- Locks only what it creates.
CREATE TEMPORARY TABLE runledger_copied_jobs (
    job_type text NOT NULL,
    organization_id uuid,
    payload jsonb NOT NULL,
    priority integer,
    max_attempts integer,
    timeout_seconds integer,
    next_run_at timestamptz,
    stage text NOT NULL,
    trace_context jsonb
)
