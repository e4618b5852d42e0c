-- Take back what was done since the savepoint, failed or not; the savepoint stays.
ROLLBACK TO SAVEPOINT runledger_part
