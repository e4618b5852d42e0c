-- End gates by their deadlines: those of them that are still open.
--
-- Updates workflow_steps rows (rank 3) of runs whose rows lock_due_gates.sql has locked
-- (rank 1), in a statement of its own, so that a completion which committed just before
-- the lock is seen.
UPDATE workflow_steps
SET status = deadline_outcome,
    status_reason = %(code)s::text,
    last_error_code = CASE
        WHEN deadline_outcome <> 'SUCCEEDED' THEN %(code)s::text
    END,
    last_error_message = CASE
        WHEN deadline_outcome <> 'SUCCEEDED' THEN %(message)s::text
    END,
    deadline_at = NULL,
    finished_at = clock_timestamp()
WHERE id = ANY (%(step_ids)s::uuid[])
  AND status = 'WAITING_FOR_EXTERNAL'
  AND deadline_at <= now()
RETURNING id, workflow_run_id, step_key, status::text AS status
