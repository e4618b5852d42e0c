-- Keep what was done since the savepoint.
RELEASE SAVEPOINT runledger_part
