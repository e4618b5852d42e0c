"""Open a connection beside a pool, of the pool's kind and to its server."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg

from runledger_postgres import DatabaseConnectionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._calls import Pool

CONNECT_SECONDS: Final = 10


def connect_beside(pool: Pool, **settings: Any) -> psycopg.Connection[Any]:
    """
    Connect as the pool does, with *settings* on top; the caller closes it.

    What the pool was given to configure its connections configures this one, too.

    Raises:
        psycopg.OperationalError: also for an address that libpq cannot read, without
            the words of libpq: it quotes what it reads, and that may be a password.
    """
    conninfo = pool.conninfo() if callable(pool.conninfo) else pool.conninfo
    kwargs = pool.kwargs() if callable(pool.kwargs) else pool.kwargs
    arguments = {"connect_timeout": CONNECT_SECONDS, **(kwargs or {}), **settings}
    try:
        connection: psycopg.Connection[Any] = pool.connection_class.connect(
            conninfo, **arguments
        )
    except psycopg.ProgrammingError:
        raise psycopg.OperationalError(
            "the address is no connection string; write it as "
            "postgresql://user:password@host:port/database, and what is no letter or "
            "digit of a password as %XX"
        ) from None
    # The pool does not tell it in any other way, and it may say which schema is meant.
    configure = pool._configure  # noqa: SLF001
    if configure is not None:
        try:
            configure(connection)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def coded_connection_errors() -> Iterator[None]:
    """
    Give what psycopg raises a code, where all that can fail is to be connected.

    Raises:
        DatabaseConnectionError: ``db.connection_failed``.
    """
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseConnectionError(
            "db.connection_failed", internal=f"{type(error).__name__}: {error}"
        ) from error
