-- Insert steps of runs, all of them blocked, and return their ids in the order in which
-- they are given. Ids are made here and grow in that order.
--
-- Whoever inserts holds the runs' locks (rank 1), or has inserted the runs, and has locked
-- the definitions; what a step leaves open is theirs to say, now and not at its release.
-- Inserts into workflow_steps (rank 3) and waits for nothing.
WITH step AS MATERIALIZED (
    SELECT uuidv7() AS id, s.*
    FROM unnest(
        %(run_ids)s::uuid[],
        %(step_keys)s::text[],
        %(execution_kinds)s::text[],
        %(job_types)s::text[],
        %(organization_ids)s::uuid[],
        %(payloads)s::text[]::jsonb[],
        %(priorities)s::integer[],
        %(max_attempts)s::integer[],
        %(timeouts_seconds)s::integer[],
        %(stages)s::text[],
        %(deadlines_seconds)s::integer[],
        %(deadline_outcomes)s::text[],
        %(total_counts)s::integer[],
        %(pending_counts)s::integer[],
        %(unsatisfied_counts)s::integer[]
    ) WITH ORDINALITY AS s (
        run_id, step_key, execution_kind, job_type, organization_id, payload, priority,
        max_attempts, timeout_seconds, stage, deadline_seconds, deadline_outcome,
        total_count, pending_count, unsatisfied_count, position
    )
),
inserted AS (
    INSERT INTO workflow_steps (
        id, workflow_run_id, step_key, execution_kind, job_type, organization_id,
        payload, priority, max_attempts, timeout_seconds, stage, deadline_seconds,
        deadline_outcome, dependency_count_total, dependency_count_pending,
        dependency_count_unsatisfied
    )
    SELECT
        s.id, s.run_id, s.step_key,
        s.execution_kind::workflow_step_execution_kind, s.job_type, s.organization_id,
        s.payload,
        COALESCE(s.priority, d.default_priority),
        COALESCE(s.max_attempts, d.max_attempts),
        COALESCE(s.timeout_seconds, d.default_timeout_seconds),
        s.stage, s.deadline_seconds, s.deadline_outcome::workflow_step_status,
        s.total_count, s.pending_count, s.unsatisfied_count
    FROM step AS s
    LEFT JOIN job_definitions AS d ON d.job_type = s.job_type
    ORDER BY s.position
)
SELECT array_agg(id ORDER BY position) AS step_ids
FROM step
