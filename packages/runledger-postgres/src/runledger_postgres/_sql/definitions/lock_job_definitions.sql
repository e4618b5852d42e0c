-- Lock definitions that are about to be changed together.
--
-- Locks the definition rows in the order of their names, as every statement does that
-- touches several; waits for enqueues that hold them FOR SHARE.
SELECT job_type
FROM job_definitions
WHERE job_type = ANY (%(job_types)s::text[])
ORDER BY job_type
FOR NO KEY UPDATE
