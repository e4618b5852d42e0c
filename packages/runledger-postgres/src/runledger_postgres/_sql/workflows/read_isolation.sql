-- Whether a statement sees what was committed while an earlier one waited. Locks nothing.
SELECT current_setting('transaction_isolation')
    IN ('read committed', 'read uncommitted') AS is_read_committed
