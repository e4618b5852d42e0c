-- What server is this, and what is already in the schema that unqualified names
-- create in? Looks there only, not along the search path: another schema on it may
-- hold a ledger of its own.
SELECT
    current_setting('server_version_num')::integer AS server_version_number,
    current_setting('server_version') AS server_version,
    current_setting('server_encoding') AS server_encoding,
    current_schema() AS schema_name,
    EXISTS (
        SELECT
        FROM pg_catalog.pg_class
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema()))
          AND relname = 'runledger_migrations'
    ) AS has_history,
    EXISTS (
        SELECT
        FROM pg_catalog.pg_class
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema()))
          AND relname = 'runledger_migration_history'
    ) AS has_fence,
    ARRAY(
        SELECT relname::text
        FROM pg_catalog.pg_class
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema()))
          AND relkind IN ('r', 'p', 'v')
          AND relname = ANY (%(table_names)s::text[])
        ORDER BY relname
    ) AS present_tables
