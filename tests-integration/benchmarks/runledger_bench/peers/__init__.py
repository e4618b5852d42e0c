"""
The comparison with other Python job systems on PostgreSQL.

Each runs in an environment of its own, by a driver that follows one contract. The
drivers and the contract import the standard library, psycopg and their own peer alone.
"""
