-- Keep the planner from meeting the hot tables when they are small.
-- Of a table of fewer than ten pages it is cheapest to read all of it, so for each job of a
-- batch a plan made just then does, and such a plan is kept: through a burst, until the next
-- ANALYZE. Of a table that was never analyzed the planner expects ten pages. So nothing is
-- analyzed before it has grown beyond that: two thousand changes are seven hundred jobs.
-- And vacuum leaves the pages at a table's end where they are, to be filled again, after
-- everything in it was deleted. To give them back it would stop all claims for a moment, too;
-- VACUUM (TRUNCATE) does that when it is wanted.
-- Locks: SHARE UPDATE EXCLUSIVE on these tables.

ALTER TABLE job_queue SET (
    autovacuum_analyze_threshold = 2000,
    vacuum_truncate = off
);

ALTER TABLE job_attempts SET (
    autovacuum_analyze_threshold = 2000,
    vacuum_truncate = off
);

ALTER TABLE workflow_steps SET (
    autovacuum_analyze_threshold = 2000,
    vacuum_truncate = off
);

ALTER TABLE workflow_step_dependencies SET (
    autovacuum_analyze_threshold = 2000,
    vacuum_truncate = off
);
