-- Write down that a migration was applied, in the transaction that applied it.
INSERT INTO runledger_migrations (version, name, checksum, applied_by)
VALUES (%(version)s, %(name)s, %(checksum)s, %(applied_by)s)
