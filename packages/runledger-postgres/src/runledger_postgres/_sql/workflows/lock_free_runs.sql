-- Lock those of these runs that nobody holds.
--
-- Locks workflow_runs rows (rank 1) in id order and waits for none: the caller holds jobs
-- of theirs.
SELECT r.id
FROM workflow_runs AS r
WHERE r.id = ANY (%(run_ids)s::uuid[])
ORDER BY r.id
FOR NO KEY UPDATE OF r SKIP LOCKED
