-- Lock one job and read in which status it is once the wait is over.
--
-- Locks the job_queue row (rank 2), whatever its status. A statement of its own: the
-- next one begins with a snapshot that has what this one waited for, the attempt of a
-- claim above all.
SELECT status::text AS status
FROM job_queue
WHERE id = %(job_id)s
  AND /*scope*/
FOR NO KEY UPDATE
