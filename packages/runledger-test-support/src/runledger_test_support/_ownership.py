"""
Say which process a database belongs to, and drop what dead processes left.

On a server that outlives the test run, a killed run leaves its databases behind. Each
carries a comment with its owner, and the next run of the same machine drops those whose
owner is gone. A process id alone would not do: several machines, or containers with
process ids of their own, may test against one server.
"""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from ._admin import admin_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMENT_START: Final = "runledger-test-support database of "
# Differ between boots, machines and containers; absent outside of Linux.
BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
PROCESS_NAMESPACE: Final = "/proc/self/ns/pid"

# Those in use are left out here: DROP DATABASE would wait five seconds for them.
SELECT_COMMENTED: Final = """
SELECT datname, shobj_description(oid, 'pg_database') AS comment
FROM pg_database
WHERE starts_with(shobj_description(oid, 'pg_database'), %(start)s)
  AND NOT EXISTS (SELECT FROM pg_stat_activity AS session WHERE session.datid = oid)
ORDER BY datname
"""


def mark_as_ours(connection: psycopg.Connection, database: str) -> None:
    """Write this process into the comment of *database*."""
    _comment(connection, database, f"{COMMENT_START}{_machine()}/{os.getpid()}")


def mark_as_shared(connection: psycopg.Connection, database: str) -> None:
    """Take the owner out of the comment: *database* outlives us on purpose."""
    _comment(connection, database, "runledger-test-support template")


def drop_abandoned_databases(admin_dsn: str) -> list[str]:
    """
    Drop the databases of this machine's dead processes; return their names.

    One that somebody is connected to stays, and so does what our role may not drop.
    """
    dropped = []
    with admin_connection(admin_dsn) as connection:
        for name in list(_abandoned(connection)):
            database = sql.Identifier(name)
            try:
                connection.execute(
                    sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE false").format(database)
                )
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {}").format(database)
                )
            except psycopg.Error:
                continue
            dropped.append(name)
    return dropped


def _abandoned(connection: psycopg.Connection) -> Iterator[str]:
    rows = connection.execute(SELECT_COMMENTED, {"start": COMMENT_START}).fetchall()
    for name, comment in rows:
        machine, _, pid = comment.removeprefix(COMMENT_START).rpartition("/")
        if machine == _machine() and pid.isdecimal() and not _is_alive(int(pid)):
            yield name


def _comment(connection: psycopg.Connection, database: str, text: str) -> None:
    connection.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(
            sql.Identifier(database), sql.Literal(text)
        )
    )


def _machine() -> str:
    """Name what process ids are relative to."""
    parts = [socket.gethostname()]
    try:
        parts += [
            Path(BOOT_ID).read_text(encoding="ascii"),
            str(Path(PROCESS_NAMESPACE).readlink()),
        ]
    except OSError:
        parts.append("no Linux")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's process
        return True
    return True
