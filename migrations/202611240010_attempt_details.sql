-- Keep what an operator looks for first: the traceback of an attempt that failed, and
-- the trace to which the enqueue of a job belonged.
-- Both are for people and their tools; nothing in the library reads them. The trace
-- context is what OpenTelemetry calls a carrier, a few short strings. It is no part of
-- the request that an idempotency key stands for: a repeat comes from another trace.
-- Locks: ACCESS EXCLUSIVE on job_attempts and job_queue for catalog changes. No row is
-- rewritten.

ALTER TABLE job_attempts ADD COLUMN error_detail text;

ALTER TABLE job_queue ADD COLUMN trace_context jsonb;
