-- Find what a mutation key of a run stands for, and compare it with what is asked now.
--
-- The comparison is jsonb equality, here in the database. Only the names of what differs
-- leave it: fields of the request, and the first of the steps that are not the same.
-- Locks nothing: the caller has locked the run's row (rank 1), and mutations are written
-- by whoever holds it.
SELECT
    m.mutation_kind = 'APPEND_STEPS' AS is_append,
    m.request = q.request AS is_same_request,
    ARRAY(
        SELECT field
        FROM jsonb_object_keys(m.request || q.request) AS field
        WHERE m.request -> field IS DISTINCT FROM q.request -> field
        ORDER BY field
    ) AS differing_fields,
    CASE
        WHEN m.request <> q.request THEN ARRAY(
            SELECT COALESCE(theirs.step ->> 'step_key', ours.step ->> 'step_key')
            FROM jsonb_array_elements(m.request -> 'steps') AS theirs (step)
            FULL JOIN jsonb_array_elements(q.request -> 'steps') AS ours (step)
                ON ours.step ->> 'step_key' = theirs.step ->> 'step_key'
            WHERE ours.step IS DISTINCT FROM theirs.step
            ORDER BY 1
            LIMIT %(shown_steps)s
        )
    END AS differing_steps
FROM workflow_run_mutations AS m
CROSS JOIN (SELECT %(request)s::jsonb AS request) AS q
WHERE m.workflow_run_id = %(run_id)s
  AND m.mutation_key = %(mutation_key)s
