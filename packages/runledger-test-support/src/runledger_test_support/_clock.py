"""
Let a test database's time go on, without waiting for it.

Runledger asks nobody but the database what time it is. So a test that wants to be in
the next week moves the database's clock: functions ``now()`` and ``clock_timestamp()``
that add an offset, in a schema that comes before ``pg_catalog`` in the search path of
this one database. Production has no such schema, and nothing there to honour.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg
from psycopg import sql

from ._errors import DATABASE_FAILED, INVALID_ARGUMENT, TestSupportError

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA: Final = "runledger_test_clock"

# One row. The functions are VOLATILE and STABLE as the originals are; now() stays the
# same within a transaction unless the clock is moved while it is open.
_FUNCTIONS: Final[LiteralString] = """
CREATE SCHEMA runledger_test_clock;
CREATE TABLE runledger_test_clock.shift (by_interval interval NOT NULL);
INSERT INTO runledger_test_clock.shift VALUES (interval '0');
CREATE FUNCTION runledger_test_clock.now() RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.now() + by_interval FROM runledger_test_clock.shift
$$;
CREATE FUNCTION runledger_test_clock.clock_timestamp() RETURNS timestamptz
LANGUAGE sql VOLATILE AS $$
    SELECT pg_catalog.clock_timestamp() + by_interval FROM runledger_test_clock.shift
$$;
GRANT USAGE ON SCHEMA runledger_test_clock TO PUBLIC;
GRANT SELECT ON runledger_test_clock.shift TO PUBLIC;
"""

_IS_INSTALLED: Final = "SELECT to_regclass('runledger_test_clock.shift') IS NOT NULL"

# What names the time when it is defined and not when it runs: defaults and views are
# bound to the original functions, and trigger functions name them with their schema.
_DEFAULTS: Final = """
SELECT n.nspname, c.relname, a.attname
FROM pg_attrdef AS d
JOIN pg_class AS c ON c.oid = d.adrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE pg_get_expr(d.adbin, d.adrelid) = 'now()'
ORDER BY 1, 2, 3
"""
_VIEWS: Final = """
SELECT n.nspname, c.relname, pg_get_viewdef(c.oid)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'v'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND pg_get_viewdef(c.oid) ~ '\\mnow\\(\\)'
ORDER BY 1, 2
"""
_TRIGGERS: Final = """
SELECT pg_get_functiondef(p.oid)
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.prorettype = 'trigger'::regtype
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND p.prosrc LIKE '%pg_catalog.now()%'
"""


class DatabaseClock:
    """
    Move the time of one test database forward; the fixture ``runledger_clock``.

    Every statement on a connection that was opened after the clock was installed sees
    the moved time: claims, leases, schedules, retention. What a program asks its own
    clock does not move: a worker that sleeps for its poll interval still does.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def now(self) -> datetime:
        """Return what time it is in the database."""
        (now,) = self._run("SELECT runledger_test_clock.clock_timestamp()")
        moment: datetime = now
        return moment

    def advance(self, by: timedelta | None = None, /, **parts: float) -> datetime:
        """
        Let time pass, and return the new time: ``clock.advance(hours=2)``.

        Args:
            by: how much.
            **parts: or the arguments of a `timedelta`, by name.

        Raises:
            TestSupportError: ``test_support.invalid_argument`` for less than nothing,
                since a ledger whose time ran backwards proves nothing.
        """
        duration = timedelta(**parts) if by is None else by
        if duration < timedelta(0):
            detail = f"time cannot pass by {duration}; move it forward"
            raise TestSupportError(INVALID_ARGUMENT, detail)
        self._run(
            "UPDATE runledger_test_clock.shift SET by_interval = by_interval + %s "
            "RETURNING by_interval",
            [duration],
        )
        return self.now()

    def move_to(self, instant: datetime) -> datetime:
        """
        Let time pass until *instant*, and return the new time.

        Raises:
            TestSupportError: ``test_support.invalid_argument`` for an instant without
                a time zone, or one that has passed.
        """
        if instant.tzinfo is None:
            detail = "an instant needs a time zone: datetime(..., tzinfo=UTC)"
            raise TestSupportError(INVALID_ARGUMENT, detail)
        return self.advance(instant - self.now())

    def _run(self, query: LiteralString, parameters: Iterable[Any] = ()) -> Any:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            return connection.execute(query, [*parameters]).fetchone()


def install_clock(dsn: str) -> DatabaseClock:
    """
    Make the time of a test database movable. A repeat keeps the time as it is.

    Connections that are open already keep PostgreSQL's own time, so install it before
    a pool is opened. The search path in *dsn*, if it names one, must name the schema
    ``runledger_test_clock`` itself, before ``pg_catalog``.

    Raises:
        TestSupportError: ``test_support.database_failed``.
    """
    try:
        with psycopg.connect(dsn) as connection:
            row = connection.execute(_IS_INSTALLED).fetchone()
            if row is not None and not row[0]:
                _install(connection)
    except psycopg.Error as error:
        detail = f"cannot install the clock: {error}"
        raise TestSupportError(DATABASE_FAILED, detail) from error
    return DatabaseClock(dsn)


def _install(connection: psycopg.Connection) -> None:
    views = connection.execute(_VIEWS).fetchall()
    connection.execute(_FUNCTIONS)
    path = _search_path(connection)
    connection.execute(sql.SQL("SET LOCAL search_path = {}").format(path))
    for schema, view, definition in views:
        connection.execute(
            sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(
                sql.Identifier(schema, view), sql.SQL(definition)
            )
        )
    # From here on pg_get_expr shows the original functions with their schema.
    connection.execute("SET LOCAL search_path = pg_catalog")
    for schema, table, column in connection.execute(_DEFAULTS).fetchall():
        connection.execute(
            sql.SQL(
                "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT runledger_test_clock.now()"
            ).format(sql.Identifier(schema, table), sql.Identifier(column))
        )
    for (definition,) in connection.execute(_TRIGGERS).fetchall():
        shifted = definition.replace("pg_catalog.now()", "runledger_test_clock.now()")
        connection.execute(shifted)
    connection.execute(
        sql.SQL("ALTER DATABASE {} SET search_path = {}").format(
            sql.Identifier(connection.info.dbname), path
        )
    )


def _search_path(connection: psycopg.Connection) -> sql.Composable:
    """Return the search path of new sessions: the clock just before the built-ins."""
    row = connection.execute("SHOW search_path").fetchone()
    given = [] if row is None else [part.strip(' "') for part in row[0].split(",")]
    names = [*(name for name in given if name), SCHEMA, "pg_catalog"]
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)
