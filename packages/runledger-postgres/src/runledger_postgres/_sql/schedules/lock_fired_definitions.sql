-- Which of these job types can be enqueued now, which could but for a lock that
-- somebody holds, and which not at all.
--
-- Locks the enabled definitions FOR SHARE in the order of their names, as an enqueue
-- does, and steps over what is being changed: a scheduler waits for nobody.
WITH enabled AS MATERIALIZED (
    SELECT job_type
    FROM job_definitions
    WHERE job_type = ANY (%(job_types)s::text[])
      AND is_enabled
    ORDER BY job_type
    FOR SHARE SKIP LOCKED
)
SELECT
    d.job_type,
    e.job_type IS NOT NULL AS is_held
FROM job_definitions AS d
LEFT JOIN enabled AS e ON e.job_type = d.job_type
WHERE d.job_type = ANY (%(job_types)s::text[])
  AND d.is_enabled
