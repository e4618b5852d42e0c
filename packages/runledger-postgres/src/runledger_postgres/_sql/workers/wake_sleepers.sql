-- Wake sleepers for jobs that were enqueued before, in the same transaction or just before
-- it.
-- Locks the rows of those whom it wakes, unless the transaction is the caller's, and
-- steps over those that somebody else is waking.
WITH queued AS (
    SELECT q.job_type, COALESCE(q.next_run_at, now()) AS next_run_at
    FROM unnest(%(job_types)s::text[], %(next_runs_at)s::timestamptz[])
        AS q (job_type, next_run_at)
),
/*wake*/
SELECT count(*) AS woken_count
FROM woken
