"""Listen in a thread, over one connection for all waiters of a pool."""

from __future__ import annotations

import logging
import threading
import time
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

    from psycopg_pool import ConnectionPool

_logger = logging.getLogger("runledger_postgres")


class ThreadListener:
    """
    Wake waiters when a notification says that theirs has ended.

    The connection is made like the pool's and is none of them, so no claim ever waits
    for it. Its thread starts with the first waiter and ends some seconds after the
    last, or with the pool. While it has no connection it tries for one, and waiters
    poll.
    """

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self._pool = ref(pool)
        self._lock = threading.Lock()
        self._watch = Watch()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, target_id: UUID, wake: Callable[[], object]) -> Iterator[None]:
        """Call *wake*, from the listener's thread, when *target_id* may have ended."""
        with self._lock:
            self._watch.add(target_id, wake)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="runledger results", daemon=True
                )
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._watch.remove(target_id, wake, now=time.monotonic())

    def _run(self) -> None:
        try:
            self._keep_listening()
        finally:
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _keep_listening(self) -> None:
        pause = FIRST_RETRY_SECONDS
        while self._goes_on():
            try:
                with self._connect() as connection:
                    pause = FIRST_RETRY_SECONDS
                    self._listen(connection)
            except Exception:
                _logger.warning("nobody listens for results now", exc_info=True)
                time.sleep(pause)
                pause = min(2 * pause, LAST_RETRY_SECONDS)
            else:
                return  # not wanted any more: who comes now has a thread of its own

    def _connect(self) -> psycopg.Connection[Any]:
        pool = self._pool()
        if pool is None:
            raise psycopg.OperationalError("the pool is gone")
        conninfo = pool.conninfo() if callable(pool.conninfo) else pool.conninfo
        settings = pool.kwargs() if callable(pool.kwargs) else pool.kwargs
        connection: psycopg.Connection[Any] = pool.connection_class.connect(
            conninfo, **{**(settings or {}), **OWN_SETTINGS}
        )
        return connection

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        for listen in LISTEN:
            connection.execute(listen.query)
        with self._lock:
            self._watch.wake_all()
        while self._goes_on():
            for notification in connection.notifies(timeout=TICK_SECONDS):
                with self._lock:
                    self._watch.wake(notification.payload)

    def _goes_on(self) -> bool:
        """Decide under the lock: no waiter may count on a thread that is leaving."""
        pool = self._pool()
        with self._lock:
            goes_on = (
                pool is not None
                and not pool.closed
                and self._watch.is_wanted(now=time.monotonic())
            )
            if not goes_on:
                self._thread = None
            return goes_on


_listeners_lock: Final = threading.Lock()
_listeners: Final[WeakKeyDictionary[ConnectionPool[Any], ThreadListener]] = (
    WeakKeyDictionary()
)


def thread_listener(pool: ConnectionPool[Any]) -> ThreadListener:
    """
    Return the one listener of a pool.

    Waiters that know nothing of each other share a connection through the pool they
    share, which is why this is kept by the pool and not handed around.
    """
    with _listeners_lock:
        found = _listeners.get(pool)
        if found is None:
            found = _listeners[pool] = ThreadListener(pool)
        return found
