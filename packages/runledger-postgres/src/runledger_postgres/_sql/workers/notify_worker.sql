-- Send a worker a notification that wakes nobody: it tries whether it can hear.
SELECT pg_notify(%(wake_channel)s::text, %(payload)s::text)::text AS notified
