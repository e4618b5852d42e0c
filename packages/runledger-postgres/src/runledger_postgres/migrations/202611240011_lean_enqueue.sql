-- Make the insert of a job as cheap as it can be.
-- Whoever enqueues a job has locked its enabled definition FOR SHARE, and whoever releases
-- a step has written the step, which has a key to its definition, in the same transaction:
-- the definition is there and stays until the commit. A foreign key looked for it once
-- more, by a query of its own for each row, which was the largest part of an insert. What
-- is left to do is to keep a definition for as long as jobs name it. The audit looks for
-- jobs without one. The other tables keep their keys to definitions.
-- Locks: ACCESS EXCLUSIVE on job_queue and job_definitions for catalog changes. No row is
-- read or rewritten.

ALTER TABLE job_queue DROP CONSTRAINT fk_job_queue_job_type;

-- Refuse as the key did, by its name: 23001 for a definition that goes, 23503 for one that
-- changes its name (PostgreSQL before 18 said 23503 for both). The tables stand beside the
-- one whose trigger this is, wherever that is and whatever the search path.
--
-- It runs after the row was locked against every enqueue, so that each job of the type is
-- either committed or will find the definition gone. To see those that were committed while
-- we waited takes a new snapshot, which a query has under READ COMMITTED alone. Keys look
-- past the snapshot of their transaction, a trigger cannot: under any other isolation it
-- refuses what it cannot tell.
CREATE FUNCTION runledger_keep_named_definition() RETURNS trigger
LANGUAGE plpgsql
AS $body$
DECLARE
    is_named boolean;
BEGIN
    EXECUTE pg_catalog.format(
        'SELECT EXISTS (
            SELECT
            FROM %I.job_queue
            WHERE $1 IS NULL
               OR job_type OPERATOR(pg_catalog.=) $1
        )',
        TG_TABLE_SCHEMA
    )
    INTO is_named
    USING OLD.job_type;
    IF is_named THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE
                WHEN TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN '23503'
                ELSE '23001'
            END,
            MESSAGE = 'job definition is named by jobs',
            DETAIL = pg_catalog.format(
                'Jobs of type %s are in the queue.', COALESCE(OLD.job_type, 'any')
            ),
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = 'job_queue',
            CONSTRAINT = 'fk_job_queue_job_type';
    END IF;
    IF pg_catalog.current_setting('transaction_isolation')
        OPERATOR(pg_catalog.<>) ALL (ARRAY['read committed', 'read uncommitted'])
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = 'job definitions are removed and renamed under READ COMMITTED only',
            DETAIL = 'A job committed since the transaction began would not be seen.';
    END IF;
    RETURN NULL;
END
$body$;

CREATE TRIGGER trg_job_definitions_keep_named
    AFTER DELETE ON job_definitions
    FOR EACH ROW
    EXECUTE FUNCTION runledger_keep_named_definition();

CREATE TRIGGER trg_job_definitions_keep_name
    AFTER UPDATE ON job_definitions
    FOR EACH ROW
    WHEN (OLD.job_type <> NEW.job_type)
    EXECUTE FUNCTION runledger_keep_named_definition();

-- CASCADE does not reach the queue any more: whoever empties both names both.
CREATE TRIGGER trg_job_definitions_truncate_unnamed
    AFTER TRUNCATE ON job_definitions
    FOR EACH STATEMENT
    EXECUTE FUNCTION runledger_keep_named_definition();
