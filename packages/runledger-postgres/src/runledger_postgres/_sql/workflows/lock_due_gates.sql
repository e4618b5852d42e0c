-- Find gates whose deadline has passed, the longest overdue first, and lock their runs.
--
-- Locks workflow_runs rows (rank 1) and waits for none: what somebody else holds is being
-- moved, and its gates are due at the next pass as well. Since a run is stepped over and
-- not counted, one that is held for long keeps no other waiting. The gates themselves may
-- have been completed since this statement began; expire_gates.sql looks again.
SELECT s.id
FROM workflow_steps AS s
JOIN workflow_runs AS r ON r.id = s.workflow_run_id
WHERE s.deadline_at <= now()
ORDER BY s.deadline_at, s.id
LIMIT %(limit)s
FOR NO KEY UPDATE OF r SKIP LOCKED
