"""
The least that a queue in PostgreSQL can do, as something to compare with.

One table without checks, events or attempts; rows are moved with UPDATE ... FOR UPDATE
SKIP LOCKED. What is measured beside it is measured on the same server in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import psycopg

SIDE = "bare SQL"
TABLE = """
CREATE TABLE bare_queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payload jsonb NOT NULL,
    status text NOT NULL DEFAULT 'PENDING'
);
CREATE INDEX ON bare_queue (id) WHERE status = 'PENDING';
"""
INSERT = "INSERT INTO bare_queue (payload) VALUES (%s)"
INSERT_MANY = "INSERT INTO bare_queue (payload) SELECT unnest(%s::text[]::jsonb[])"
COPY = "COPY bare_queue (payload) FROM STDIN"
CLAIM = """
UPDATE bare_queue SET status = 'LEASED' WHERE id IN (
    SELECT id FROM bare_queue WHERE status = 'PENDING'
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING id
"""
COMPLETE = "UPDATE bare_queue SET status = 'SUCCEEDED' WHERE id = ANY (%s)"


def create(connection: psycopg.Connection[Any]) -> None:
    """Make the table."""
    connection.execute(TABLE)


def payload(number: int = -1) -> str:
    """Return the JSON that our requests carry as well."""
    return f'{{"seq": {number}}}'


def insert(connection: psycopg.Connection[Any]) -> None:
    """Insert one row."""
    connection.execute(INSERT, [payload()])


def insert_many(connection: psycopg.Connection[Any], count: int) -> None:
    """Insert rows in one statement."""
    connection.execute(INSERT_MANY, [[payload() for _ in range(count)]])


def copy(connection: psycopg.Connection[Any], count: int) -> None:
    """Insert rows through COPY."""
    with connection.cursor() as cursor, cursor.copy(COPY) as stream:
        for _ in range(count):
            stream.write_row([payload()])


def claim(connection: psycopg.Connection[Any], limit: int) -> list[int]:
    """Claim rows and return their ids."""
    return [row[0] for row in connection.execute(CLAIM, [limit]).fetchall()]


def complete(connection: psycopg.Connection[Any], ids: list[int]) -> None:
    """Mark rows as done."""
    connection.execute(COMPLETE, [ids])
