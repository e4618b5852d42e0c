-- Tell the dependents of steps that have ended, all of them at once, and return those
-- that wait for nothing any more: ready to be released, or canceled here because a step
-- that had to succeed did not.
--
-- The runs' locks (rank 1), which the caller holds, are what keeps the counters as they
-- were read. Locks workflow_steps (rank 3) and waits for none. Steps that have ended or
-- were released before are not told.
WITH ended AS (
    SELECT *
    FROM unnest(%(step_ids)s::uuid[], %(successes)s::boolean[]) AS e (id, is_success)
),
told AS MATERIALIZED (
    SELECT
        d.dependent_step_id AS id,
        count(*)::integer AS ended_count,
        count(*) FILTER (
            WHERE d.release_mode = 'ON_SUCCESS' AND NOT e.is_success
        )::integer AS unsatisfied_count
    FROM ended AS e
    CROSS JOIN LATERAL (
        SELECT dependent_step_id, release_mode
        FROM workflow_step_dependencies
        WHERE prerequisite_step_id = e.id
        OFFSET 0
    ) AS d
    GROUP BY d.dependent_step_id
),
settled AS (
    UPDATE workflow_steps AS s
    SET dependency_count_pending = s.dependency_count_pending - t.ended_count,
        dependency_count_unsatisfied
            = s.dependency_count_unsatisfied + t.unsatisfied_count,
        status = CASE WHEN c.is_canceled THEN 'CANCELED' ELSE s.status END,
        status_reason = CASE WHEN c.is_canceled THEN %(code)s::text END,
        last_error_code = CASE WHEN c.is_canceled THEN %(code)s::text END,
        last_error_message = CASE WHEN c.is_canceled THEN %(message)s::text END,
        finished_at = CASE WHEN c.is_canceled THEN clock_timestamp() END,
        updated_at = clock_timestamp()
    FROM told AS t
    JOIN workflow_steps AS b ON b.id = t.id
    CROSS JOIN LATERAL (
        SELECT
            b.dependency_count_pending = t.ended_count
            AND b.dependency_count_unsatisfied + t.unsatisfied_count > 0 AS is_canceled
    ) AS c
    WHERE s.id = b.id
      AND b.status = 'BLOCKED'
    RETURNING s.id, s.workflow_run_id, s.dependency_count_pending, c.is_canceled
)
SELECT id, workflow_run_id, is_canceled
FROM settled
WHERE dependency_count_pending = 0
ORDER BY id
