-- The migrations this schema has seen, in order. Locks nothing.
SELECT version, name, checksum
FROM runledger_migrations
ORDER BY version
