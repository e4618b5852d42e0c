-- Say that a run is canceled, and why, before what is left of it is.
--
-- Its row is locked already (rank 1). Its end is dated by update_runs.sql, which finds it
-- canceled and leaves it so.
UPDATE workflow_runs
SET status = 'CANCELED',
    status_reason = %(reason)s::text,
    updated_at = clock_timestamp()
WHERE id = %(run_id)s
RETURNING id
