-- Which of these job types, just disabled, an active schedule still names.
--
-- A statement after the one that disabled them and holds their rows: whoever activates
-- a schedule locks the definition FOR SHARE after writing it, so either we see the
-- schedule here or it waits and sees the definition disabled. That needs a snapshot of
-- this statement's own, hence reads_committed. Locks nothing.
SELECT
    current_setting('transaction_isolation')
        IN ('read committed', 'read uncommitted') AS reads_committed,
    ARRAY(
        SELECT DISTINCT s.job_type
        FROM job_schedules AS s
        WHERE s.is_active
          AND s.job_type = ANY (%(job_types)s::text[])
        ORDER BY s.job_type
    ) AS job_types
