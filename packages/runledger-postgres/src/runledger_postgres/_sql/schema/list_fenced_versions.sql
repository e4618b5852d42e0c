-- The versions that code must know to work with this schema. Locks nothing.
SELECT version
FROM runledger_migration_history
ORDER BY version
