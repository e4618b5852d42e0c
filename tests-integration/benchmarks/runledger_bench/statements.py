"""Count the statements of the server by name: each says its own in a comment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    import psycopg

# Everything of this database but what looks at it here.
READ = """
    SELECT
        COALESCE(substring(s.query FROM '/\\* runledger:(\\S+) \\*/'), 'other'),
        sum(s.calls)::bigint, sum(s.rows)::bigint, sum(s.total_exec_time)
    FROM pg_stat_statements AS s
    JOIN pg_database AS d ON d.oid = s.dbid
    WHERE d.datname = current_database()
      AND s.query NOT LIKE '%pg_stat%'
    GROUP BY 1
"""


@attrs.frozen
class Tallied:
    """What was counted of one statement."""

    calls: int
    rows: int
    milliseconds: float


def reset(connection: psycopg.Connection[Any]) -> None:
    """Begin to count anew."""
    connection.execute("SELECT pg_stat_statements_reset()")


def counted(connection: psycopg.Connection[Any]) -> dict[str, Tallied]:
    """Return the counts by the statement's name."""
    return {
        name: Tallied(calls, rows, milliseconds)
        for name, calls, rows, milliseconds in connection.execute(READ).fetchall()
    }


def calls_of(found: dict[str, Tallied], name: str) -> int:
    """Return how often a statement ran, whichever area it is of."""
    return sum(
        each.calls for key, each in found.items() if key.rpartition("/")[2] == name
    )
