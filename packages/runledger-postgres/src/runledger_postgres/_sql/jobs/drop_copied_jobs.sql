-- Remove the table of a load, so that a second one fits into the same transaction.
-- Locks only what it drops.
DROP TABLE pg_temp.runledger_copied_jobs
