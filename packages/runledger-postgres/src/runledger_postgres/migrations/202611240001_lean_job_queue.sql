-- Make each status change of a job as cheap as it can be.
-- A column that any index names, in its keys or its predicate, costs an entry in every
-- index of the table when it changes. Status must be indexed, so the other indexes have
-- to be few, and what changes while a job runs must stand in none of them.
-- Locks: ACCESS EXCLUSIVE on job_queue, job_attempts and job_events until the end of the
-- transaction: DROP INDEX needs it, and each index built here reads its table once.
-- On a large ledger stop the workers for it. No row is rewritten.

-- Listings by status. Status is in the key, so each change of it paid two more entries.
-- Keyset listing by the two columns that never change takes their place.
DROP INDEX idx_job_queue_org_status_created;
DROP INDEX idx_job_queue_type_status_created;

CREATE INDEX idx_job_queue_organization_id
    ON job_queue (organization_id, id)
    WHERE organization_id IS NOT NULL;

CREATE INDEX idx_job_queue_type_id ON job_queue (job_type, id);

-- The reaper looks through the leased rows, which are as many as there are jobs running.
-- No index names a lease column, so that a renewal stays within its page (HOT) and
-- touches no index.
DROP INDEX idx_job_queue_leased_expiry;

CREATE INDEX idx_job_queue_leased
    ON job_queue (id)
    WHERE status = 'LEASED';

-- A claim visits the levels of priority of each job type by skipping through this index
-- and takes each level's first due jobs. What it reads does not grow with a backlog of
-- other types or with jobs of the future. The id is time-ordered and breaks ties as
-- created_at did.
DROP INDEX idx_job_queue_claim;

CREATE INDEX idx_job_queue_claim
    ON job_queue (job_type, priority, next_run_at, id)
    WHERE status = 'PENDING';

-- uq_job_attempts_job_run_attempt starts with the same two columns, and a run has few
-- attempts, which it yields in order: this one only cost an entry per claim.
DROP INDEX idx_job_attempts_job_run_created;

-- The metrics view is the only reader by time, and it wants the newest day of a table
-- that grows at its end: a block range index answers that and costs an insert nothing
-- that can be measured.
DROP INDEX idx_job_events_type_time;

CREATE INDEX idx_job_events_occurred_at
    ON job_events USING brin (occurred_at) WITH (autosummarize = on);

CREATE INDEX idx_job_attempts_created_at
    ON job_attempts USING brin (created_at) WITH (autosummarize = on);

-- Attempts and events are the history of one job and are only ever looked for through it:
-- a key that begins with the job serves that and is unique too, and is one entry a row
-- instead of two. Their ids are made by uuidv7() and a sequence, which need no index to be
-- unique.
ALTER TABLE job_attempts
    DROP CONSTRAINT pk_job_attempts,
    REPLICA IDENTITY USING INDEX uq_job_attempts_job_run_attempt;

DROP INDEX idx_job_events_job_run_id;

ALTER TABLE job_events
    DROP CONSTRAINT pk_job_events,
    ADD CONSTRAINT pk_job_events PRIMARY KEY (job_id, run_number, id);

-- Whoever writes an attempt or an event has written or locked its job's row in the same
-- statement, so the job is there and stays until the commit; a foreign key looked for it
-- once more for each row, which was a seventh of the server's time for a job. What is left
-- to do is to take the history along when a job is deleted, once a statement and not once
-- a job. The audit looks for history without a job. job_logs and job_dead_letters, which
-- hosts write to or which are rare, keep their keys.
ALTER TABLE job_attempts DROP CONSTRAINT fk_job_attempts_job;
ALTER TABLE job_events DROP CONSTRAINT fk_job_events_job;

-- The tables stand beside the one whose trigger this is, wherever that is and whatever the
-- search path.
CREATE FUNCTION runledger_delete_job_history() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' THEN
        EXECUTE pg_catalog.format(
            'TRUNCATE %1$I.job_attempts, %1$I.job_events', TG_TABLE_SCHEMA
        );
        RETURN NULL;
    END IF;
    EXECUTE pg_catalog.format(
        'DELETE FROM %I.job_attempts AS a USING gone WHERE a.job_id = gone.id',
        TG_TABLE_SCHEMA
    );
    EXECUTE pg_catalog.format(
        'DELETE FROM %I.job_events AS e USING gone WHERE e.job_id = gone.id',
        TG_TABLE_SCHEMA
    );
    RETURN NULL;
END
$body$;

CREATE TRIGGER trg_job_queue_delete_history
    AFTER DELETE ON job_queue
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT
    EXECUTE FUNCTION runledger_delete_job_history();

CREATE TRIGGER trg_job_queue_truncate_history
    AFTER TRUNCATE ON job_queue
    FOR EACH STATEMENT
    EXECUTE FUNCTION runledger_delete_job_history();

-- A statement that sets updated_at keeps what it wrote; for any other the trigger still
-- does. Entering the trigger for every row cost 18 to 27 % of an update, a false WHEN 9
-- to 14 % (PostgreSQL 15, 50,000 rows). None at all is not cheaper everywhere: with a
-- stored generated column, PostgreSQL 18 prepares progress_pct's expression again for each
-- row of an update that no BEFORE trigger looks at, and takes half as long again.
DROP TRIGGER trg_job_queue_set_updated_at ON job_queue;

CREATE TRIGGER trg_job_queue_set_updated_at
    BEFORE UPDATE ON job_queue
    FOR EACH ROW
    WHEN (OLD.updated_at = NEW.updated_at)
    EXECUTE FUNCTION set_updated_at_timestamp();

-- Free room in each page for the next version of a row. A job changes its indexed
-- status at every step, so room serves only its renewals and keeps neighbours together.
-- An attempt changes once, when it ends, and no indexed column of it: with half of each
-- page free 95 % of these updates touch no index, with 30 % free it is 57 %, with none 9 %.
-- That costs some 55 bytes an attempt and spares vacuum the attempts' indexes.
-- Vacuum starts after a share of the table that stays small when the table is large, since
-- the partial indexes are walked from their ends, where the dead entries gather.
ALTER TABLE job_queue SET (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_limit = 2000
);

ALTER TABLE job_attempts SET (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_limit = 2000
);

-- Only ever inserted into: vacuum is for the visibility map and the block range index.
ALTER TABLE job_events SET (
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_vacuum_cost_limit = 2000
);
