"""Every SQL statement and every state change of Runledger, for psycopg 3."""
