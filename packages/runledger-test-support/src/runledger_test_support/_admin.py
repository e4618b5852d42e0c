"""Connect to a test server as its administrator."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_SECONDS: Final = 10


@contextmanager
def admin_connection(admin_dsn: str) -> Iterator[psycopg.Connection]:
    """
    Connect in autocommit mode, for statements that refuse a transaction.

    One connection per use and not one that is kept: it costs 3 ms, and nothing has to
    be shared between threads, carried over a fork or closed at the end.
    """
    with psycopg.connect(
        admin_dsn, autocommit=True, connect_timeout=CONNECT_SECONDS
    ) as connection:
        yield connection
