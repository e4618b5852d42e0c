"""
Count the server's statements by the names that they carry in a comment.

pg_stat_statements cuts that comment off, and pg_stat_activity shows it together with
the query's id: a watcher looks there while a scenario runs, and sees who waits for a
lock as well. A statement that it never saw counts as ``other``. What a benchmark itself
asks meanwhile has ``/*bench*/`` in it and does not count.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER = "other"
WATCH_SECONDS = 0.02
SEEN = r"""
    SELECT
        query_id,
        substring(query FROM '^/\* runledger:(\S+) \*/') AS name,
        wait_event_type = 'Lock' AND state = 'active' AS waits
    FROM pg_stat_activity
    WHERE datname = current_database()
      AND pid <> pg_backend_pid()
"""
COUNTED = """
    SELECT s.queryid, sum(s.calls)::bigint, sum(s.rows)::bigint, sum(s.total_exec_time)
    FROM pg_stat_statements AS s
    JOIN pg_database AS d ON d.oid = s.dbid
    WHERE d.datname = current_database()
      AND s.query NOT LIKE '%pg_stat%'
      AND s.query NOT LIKE '%/*bench*/%'
    GROUP BY s.queryid
"""


@attrs.frozen
class Counted:
    """What was counted of one statement."""

    calls: int = 0
    rows: int = 0
    milliseconds: float = 0.0

    def plus(self, other: Counted) -> Counted:
        """Return the sum."""
        return Counted(
            self.calls + other.calls,
            self.rows + other.rows,
            self.milliseconds + other.milliseconds,
        )

    def minus(self, other: Counted) -> Counted:
        """Return what came since *other*."""
        return Counted(
            self.calls - other.calls,
            self.rows - other.rows,
            self.milliseconds - other.milliseconds,
        )


@attrs.define
class Watch:
    """What was seen of the sessions so far."""

    connection: psycopg.Connection[Any]
    names: dict[int, str] = attrs.field(factory=dict)
    looks: int = 0
    waiting: int = 0
    most_waiting: int = 0

    def look(self) -> None:
        """Look at all sessions once."""
        waiting = 0
        for query_id, name, waits in self.connection.execute(SEEN).fetchall():
            if query_id is not None and name is not None:
                self.names[query_id] = name
            waiting += bool(waits)
        self.looks += 1
        self.waiting += waiting
        self.most_waiting = max(self.most_waiting, waiting)


@contextmanager
def watching(dsn: str) -> Iterator[Watch]:
    """Look at the sessions of a database again and again."""
    is_over = threading.Event()
    with psycopg.connect(dsn, autocommit=True) as connection:
        watch = Watch(connection)

        def look_on() -> None:
            while not is_over.wait(WATCH_SECONDS):
                watch.look()

        thread = threading.Thread(target=look_on, daemon=True)
        thread.start()
        try:
            yield watch
        finally:
            is_over.set()
            thread.join()


def reset(connection: psycopg.Connection[Any]) -> None:
    """Begin to count anew."""
    connection.execute("SELECT pg_stat_statements_reset()")


def counted(connection: psycopg.Connection[Any], watch: Watch) -> dict[str, Counted]:
    """Return the counts by the statements' short names, variants together."""
    found: dict[str, Counted] = {}
    for query_id, *numbers in connection.execute(COUNTED).fetchall():
        _, _, name = watch.names.get(query_id, OTHER).rpartition("/")
        name, _, _ = name.partition("[")
        found[name] = found.get(name, Counted()).plus(Counted(*numbers))
    return found
