"""Listen in an asyncio task, over one connection for all waiters of a pool."""

from __future__ import annotations

import asyncio
import inspect
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, ref

import psycopg

from ._watch import (
    FIRST_RETRY_SECONDS,
    LAST_RETRY_SECONDS,
    LISTEN,
    OWN_SETTINGS,
    TICK_SECONDS,
    Watch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from psycopg_pool import AsyncConnectionPool

_logger = logging.getLogger("runledger_postgres")


class TaskListener:
    """
    Wake waiters when a notification says that theirs has ended.

    The asyncio twin of `ThreadListener`: a task of the loop that the pool lives in,
    which starts with the first waiter and ends some seconds after the last, with the
    pool, or with the loop.
    """

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = ref(pool)
        self._watch = Watch()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, target_id: UUID, wake: Callable[[], object]) -> Iterator[None]:
        """Call *wake* when *target_id* may have ended."""
        self._watch.add(target_id, wake)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(
                self._keep_listening(), name="runledger results"
            )
        try:
            yield
        finally:
            self._watch.remove(target_id, wake, now=asyncio.get_running_loop().time())

    async def _keep_listening(self) -> None:
        pause = FIRST_RETRY_SECONDS
        while self._goes_on():
            try:
                async with await self._connect() as connection:
                    pause = FIRST_RETRY_SECONDS
                    await self._listen(connection)
            except Exception:
                _logger.warning("nobody listens for results now", exc_info=True)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_RETRY_SECONDS)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        pool = self._pool()
        if pool is None:
            raise psycopg.OperationalError("the pool is gone")
        conninfo: Any = pool.conninfo
        if callable(conninfo):
            conninfo = await _awaited(conninfo())
        settings: Any = pool.kwargs
        if callable(settings):
            settings = await _awaited(settings())
        connection: psycopg.AsyncConnection[Any] = await pool.connection_class.connect(
            conninfo, **{**(settings or {}), **OWN_SETTINGS}
        )
        return connection

    async def _listen(self, connection: psycopg.AsyncConnection[Any]) -> None:
        for listen in LISTEN:
            await connection.execute(listen.query)
        self._watch.wake_all()
        while self._goes_on():
            async for notification in connection.notifies(timeout=TICK_SECONDS):
                self._watch.wake(notification.payload)

    def _goes_on(self) -> bool:
        pool = self._pool()
        return (
            pool is not None
            and not pool.closed
            and self._watch.is_wanted(now=asyncio.get_running_loop().time())
        )


_listeners: Final[WeakKeyDictionary[AsyncConnectionPool[Any], TaskListener]] = (
    WeakKeyDictionary()
)


def task_listener(pool: AsyncConnectionPool[Any]) -> TaskListener:
    """Return the one listener of a pool; see `thread_listener`."""
    found = _listeners.get(pool)
    if found is None:
        found = _listeners[pool] = TaskListener(pool)
    return found


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
