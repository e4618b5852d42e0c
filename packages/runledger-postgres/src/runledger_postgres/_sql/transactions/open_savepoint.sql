-- Begin what may be taken back without the rest of the transaction. Locks nothing.
SAVEPOINT runledger_part
