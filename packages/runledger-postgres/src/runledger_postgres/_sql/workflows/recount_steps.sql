-- Count anew what blocked steps wait for: steps that were reopened, and the dependents of
-- those. Returns the ones that wait for nothing.
--
-- Locks workflow_steps (rank 3) and waits for none; the caller holds the run's lock
-- (rank 1).
WITH concerned AS (
    SELECT unnest(%(step_ids)s::uuid[]) AS id
    UNION
    SELECT dependent_step_id
    FROM workflow_step_dependencies
    WHERE prerequisite_step_id = ANY (%(step_ids)s::uuid[])
),
counted AS MATERIALIZED (
    SELECT
        s.id,
        count(*) FILTER (
            WHERE p.status NOT IN ('SUCCEEDED', 'FAILED', 'CANCELED')
        )::integer AS pending_count,
        count(*) FILTER (
            WHERE d.release_mode = 'ON_SUCCESS'
              AND p.status IN ('FAILED', 'CANCELED')
        )::integer AS unsatisfied_count
    FROM concerned AS c
    JOIN workflow_steps AS s ON s.id = c.id
    LEFT JOIN workflow_step_dependencies AS d ON d.dependent_step_id = s.id
    LEFT JOIN workflow_steps AS p ON p.id = d.prerequisite_step_id
    WHERE s.status = 'BLOCKED'
    GROUP BY s.id
),
recounted AS (
    UPDATE workflow_steps AS s
    SET dependency_count_pending = c.pending_count,
        dependency_count_unsatisfied = c.unsatisfied_count,
        updated_at = clock_timestamp()
    FROM counted AS c
    WHERE s.id = c.id
    RETURNING s.id, c.pending_count, c.unsatisfied_count
)
SELECT id
FROM recounted
WHERE pending_count = 0
ORDER BY id
