-- Take in the requests of a large load. Locks nothing that anybody else sees.
COPY pg_temp.runledger_copied_jobs (
    job_type, organization_id, payload, priority, max_attempts, timeout_seconds,
    next_run_at, stage, trace_context
) FROM STDIN
