-- Lock one run, and read it as it is once the wait is over.
--
-- Locks the row of workflow_runs (rank 1), which is the lock of all that belongs to the
-- run: whoever moves its steps holds it. What is read of them is read by a later statement, whose
-- snapshot has what this one waited for. The wait has a bound, which is taken back within
-- the statement, so that the caller's transaction goes on as it was.
WITH session AS MATERIALIZED (
    SELECT current_setting('lock_timeout') AS lock_timeout
),
bound AS MATERIALIZED (
    SELECT
        lock_timeout AS previous,
        set_config(
            'lock_timeout',
            CASE
                WHEN lock_timeout::interval
                    BETWEEN interval '1 millisecond' AND interval '5 seconds'
                    THEN lock_timeout
                ELSE '5s'
            END,
            TRUE
        )
    FROM session
),
held AS MATERIALIZED (
    SELECT
        r.id, r.status::text AS status, r.organization_id, r.workflow_type,
        r.fail_fast, r.result_step_key
    FROM bound
    CROSS JOIN workflow_runs AS r
    WHERE r.id = %(run_id)s
      AND /*scope*/
    FOR NO KEY UPDATE OF r
),
restored AS MATERIALIZED (
    SELECT set_config('lock_timeout', b.previous, TRUE)
    FROM bound AS b
    WHERE (SELECT count(*) FROM held) >= 0
)
SELECT h.*
FROM restored
LEFT JOIN held AS h ON TRUE
