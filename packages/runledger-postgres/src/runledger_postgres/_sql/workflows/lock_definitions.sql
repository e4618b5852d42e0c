-- Lock the definitions of job types whose steps are to be inserted, and name the types
-- that have no enabled one.
--
-- Locks job_definitions FOR SHARE in name order: disabling one waits for us, or we see it
-- disabled; what is read of them later in the transaction cannot change. In a transaction
-- of our own the wait has a bound, which holds for the statements after this one too.
WITH /*bounded*/
definition AS MATERIALIZED (
    SELECT job_type
    FROM bound
    CROSS JOIN job_definitions
    WHERE job_type = ANY (%(job_types)s::text[])
      AND is_enabled
    ORDER BY job_type
    FOR SHARE OF job_definitions
)
SELECT ARRAY(
    SELECT unnest(%(job_types)s::text[])
    EXCEPT
    SELECT job_type FROM definition
    ORDER BY 1
) AS missing_types
