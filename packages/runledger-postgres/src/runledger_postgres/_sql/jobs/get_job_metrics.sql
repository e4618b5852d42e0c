-- Counts and durations per organization and job type. Locks nothing; reads what is
-- unfinished and the last 24 hours.
SELECT
    organization_id, job_type, pending_count, leased_count, stale_leases,
    succeeded_24h, dead_lettered_24h, retryable_24h, terminal_24h, panicked_24h,
    timeout_24h, lease_expired_24h, p50_duration_ms_24h, p95_duration_ms_24h
FROM job_metrics_rollup
WHERE (%(job_type)s::text IS NULL OR job_type = %(job_type)s::text)
  AND /*scope*/
ORDER BY job_type, organization_id NULLS FIRST
