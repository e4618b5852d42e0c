-- Give the caller's transaction its own bound on waits for locks again. Locks nothing.
SELECT set_config('lock_timeout', %(previous)s, TRUE)
