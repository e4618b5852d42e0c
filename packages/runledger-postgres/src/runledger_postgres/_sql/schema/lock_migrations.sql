-- Let one migrator at a time into this schema. Held to the end of the transaction.
SELECT pg_advisory_xact_lock(
    hashtextextended('runledger:migrations:' || COALESCE(current_schema(), ''), 0)
)
