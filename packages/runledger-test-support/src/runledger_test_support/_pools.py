"""Connection pools on databases of their own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from psycopg import AsyncConnection, Connection
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from ._databases import (
    DEFAULT_MAX_CONNECTIONS,
    EphemeralDatabase,
    create_ephemeral_database,
    drop_database,
)
from ._schema import apply_files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from types import TracebackType

BlockingPool = ConnectionPool[Connection[tuple[Any, ...]]]
AsyncPool = AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]


class AsyncPoolFactory(Protocol):
    """What the fixture ``runledger_async_pool`` gives: a maker of asyncio pools."""

    def __call__(
        self, *, max_connections: int = DEFAULT_MAX_CONNECTIONS
    ) -> AbstractAsyncContextManager[AsyncPool]:
        """Open a pool for an ``async with`` block."""
        ...


@dataclass(frozen=True)
class EphemeralPool:
    """An open pool and its database; a context manager that tears both down."""

    pool: BlockingPool
    database: EphemeralDatabase

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        teardown_ephemeral_pool(self)


@dataclass(frozen=True)
class EphemeralAsyncPool:
    """The asyncio twin of :class:`EphemeralPool`; an async context manager."""

    pool: AsyncPool
    database: EphemeralDatabase

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await teardown_ephemeral_async_pool(self)


def setup_ephemeral_pool(
    prefix: str,
    max_connections: int = DEFAULT_MAX_CONNECTIONS,
    *,
    schema: str | None = None,
    admin_dsn: str | None = None,
) -> EphemeralPool:
    """
    Open a pool of at most *max_connections* on a fresh, migrated database.

    Takes ``max_connections + 1`` permits of the connection budget until it is torn
    down. For *schema* and *admin_dsn* see :func:`create_ephemeral_database`.

    Raises:
        TestSupportError: any code of this package.
    """
    database = create_ephemeral_database(
        prefix, max_connections=max_connections, schema=schema, admin_dsn=admin_dsn
    )
    return _open(database)


def setup_unmigrated_ephemeral_pool(
    prefix: str,
    max_connections: int = DEFAULT_MAX_CONNECTIONS,
    *,
    admin_dsn: str | None = None,
) -> EphemeralPool:
    """Open a pool on a fresh, empty database; see :func:`setup_ephemeral_pool`."""
    database = create_ephemeral_database(
        prefix, max_connections=max_connections, migrated=False, admin_dsn=admin_dsn
    )
    return _open(database)


def setup_ephemeral_pool_with_untracked_migrations(
    prefix: str,
    files: Iterable[Path],
    max_connections: int = DEFAULT_MAX_CONNECTIONS,
    *,
    admin_dsn: str | None = None,
) -> EphemeralPool:
    """
    Open a pool on a fresh database to which plain SQL *files* were applied, in order.

    For a schema of the host's own. Each file is a transaction; nothing records that it
    was applied, and the Runledger schema is there only if one of them makes it. See
    :func:`setup_ephemeral_pool`.

    Raises:
        TestSupportError: ``test_support.migration_failed`` names the file; or any other
            code of this package. Then the database is gone again.
    """
    database = create_ephemeral_database(
        prefix, max_connections=max_connections, migrated=False, admin_dsn=admin_dsn
    )
    try:
        apply_files(database.dsn, files)
    except BaseException:
        drop_database(database)
        raise
    return _open(database)


def teardown_ephemeral_pool(ephemeral: EphemeralPool) -> None:
    """
    Close the pool and drop its database, ending sessions that are left in it.

    A repeat does nothing.
    """
    try:
        ephemeral.pool.close()
    finally:
        drop_database(ephemeral.database)


async def setup_ephemeral_async_pool(
    prefix: str,
    max_connections: int = DEFAULT_MAX_CONNECTIONS,
    *,
    schema: str | None = None,
    admin_dsn: str | None = None,
) -> EphemeralAsyncPool:
    """
    Open an asyncio pool on a fresh, migrated database.

    See :func:`setup_ephemeral_pool`; the database is made in a worker thread.
    """
    database = await asyncio.to_thread(
        create_ephemeral_database,
        prefix,
        max_connections=max_connections,
        schema=schema,
        admin_dsn=admin_dsn,
    )
    pool = async_pool(database.dsn, max_connections=max_connections)
    try:
        await pool.open()
    except BaseException:
        await pool.close()
        await asyncio.to_thread(drop_database, database)
        raise
    return EphemeralAsyncPool(pool, database)


async def teardown_ephemeral_async_pool(ephemeral: EphemeralAsyncPool) -> None:
    """Close the pool and drop its database. A repeat does nothing."""
    try:
        await ephemeral.pool.close()
    finally:
        await asyncio.to_thread(drop_database, ephemeral.database)


def blocking_pool(dsn: str, *, max_connections: int) -> BlockingPool:
    """Make a closed pool that opens connections as they are needed."""
    return ConnectionPool(dsn, min_size=0, max_size=max_connections, open=False)


def async_pool(dsn: str, *, max_connections: int) -> AsyncPool:
    """Make a closed asyncio pool that opens connections as they are needed."""
    return AsyncConnectionPool(dsn, min_size=0, max_size=max_connections, open=False)


def _open(database: EphemeralDatabase) -> EphemeralPool:
    pool = blocking_pool(database.dsn, max_connections=database.max_connections)
    try:
        pool.open()
    except BaseException:
        drop_database(database)
        raise
    return EphemeralPool(pool, database)
