-- Write those of a catalog's definitions that differ from the stored ones.
--
-- Locks only the rows that it writes, in the order of their names: a catalog that is
-- synced at every start does not wait for enqueues. A type that is disabled in the
-- database stays so unless the catalog's word is to be restored.
INSERT INTO job_definitions AS d (
    job_type, version, max_attempts, default_timeout_seconds, default_priority,
    is_enabled
)
SELECT
    w.job_type, w.version, w.max_attempts, w.timeout_seconds, w.priority, w.is_enabled
FROM unnest(
    %(job_types)s::text[],
    %(versions)s::integer[],
    %(max_attempts)s::integer[],
    %(timeouts_seconds)s::integer[],
    %(priorities)s::integer[],
    %(are_enabled)s::boolean[]
) AS w (job_type, version, max_attempts, timeout_seconds, priority, is_enabled)
LEFT JOIN job_definitions AS s ON s.job_type = w.job_type
WHERE (
    s.version, s.max_attempts, s.default_timeout_seconds, s.default_priority,
    s.is_enabled
) IS DISTINCT FROM (
    w.version, w.max_attempts, w.timeout_seconds, w.priority,
    w.is_enabled AND (s.is_enabled OR %(restore_enabled)s)
)
ORDER BY w.job_type
ON CONFLICT (job_type) DO UPDATE
SET version = EXCLUDED.version,
    max_attempts = EXCLUDED.max_attempts,
    default_timeout_seconds = EXCLUDED.default_timeout_seconds,
    default_priority = EXCLUDED.default_priority,
    is_enabled = EXCLUDED.is_enabled AND (d.is_enabled OR %(restore_enabled)s)
RETURNING job_type
