-- Cancel blocked steps that need the success of steps which ended without it.
--
-- Updates workflow_steps rows (rank 3) of a run whose row the caller has locked (rank 1).
UPDATE workflow_steps
SET status = 'CANCELED',
    status_reason = %(code)s::text,
    last_error_code = %(code)s::text,
    last_error_message = %(message)s::text,
    finished_at = clock_timestamp()
WHERE id = ANY (%(step_ids)s::uuid[])
  AND status = 'BLOCKED'
  AND dependency_count_pending = 0
  AND dependency_count_unsatisfied > 0
RETURNING id
