"""
Listen for the notifications of one worker, on a connection of their own.

The connection is made like the pool's, and outside of the pool: claims wait for a
connection of the pool, and one that listened would never come back to it.

Nothing waits for it in a thread. Its socket is one more thing that trio's event loop
looks at, so that a notification reaches the worker in the turn in which it arrives, and
the end of the worker ends it like any other task. What may block (to connect, to say
LISTEN) is done in a thread.
"""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg
import trio
from psycopg import sql

from runledger_core import RunledgerError
from runledger_postgres import DatabaseConnectionError, notify_worker, wake_channel

from .._ticks import spread
from ._connect import CONNECT_SECONDS, connect_beside

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from ._calls import Pool

# How long a notification to itself may take, and how often one is sent: connections
# that a network has dropped in silence are found out by it.
_ARRIVAL_SECONDS: Final = 5.0
_PROBE_INTERVAL_SECONDS: Final = 60.0


class Call(Protocol):
    """Call a blocking function in a thread, bounded in time."""

    def __call__(
        self, timeout_seconds: float, function: Callable[..., Any], *args: Any
    ) -> Awaitable[Any]: ...


async def listen_until_lost(
    pool: Pool,
    call: Call,
    worker_id: str,
    *,
    on_ready: Callable[[], None],
    on_wake: Callable[[], None],
) -> None:
    """
    Listen until cancelled, or until notifications do not arrive any more.

    Raises:
        DatabaseConnectionError: ``db.connection_failed``.
        RunledgerError: ``runtime.notifications_not_received`` when the worker does not
            hear what it sends to itself through the pool.
    """
    connection = await _opened(_Opening(pool, wake_channel(worker_id)))
    try:
        listener = _Listener(connection, worker_id, on_wake)
        await _first_error(
            listener.receive, lambda: listener.probe(pool, call, on_ready)
        )
    finally:
        connection.close()


async def _opened(opening: _Opening) -> psycopg.Connection[Any]:
    """Connect; whoever is cancelled meanwhile leaves the thread behind."""
    try:
        return await trio.to_thread.run_sync(opening.open, abandon_on_cancel=True)
    except psycopg.Error as error:
        raise _lost(error) from error
    except trio.Cancelled:
        opening.give_up()
        raise


class _Opening:
    """Connect in a thread, and close again what nobody waits for any more."""

    def __init__(self, pool: Pool, channel: str) -> None:
        self._pool = pool
        self._channel = channel
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._is_given_up = False

    def open(self) -> psycopg.Connection[Any]:
        """Come from the thread with a connection that listens."""
        connection = connect_beside(self._pool, autocommit=True)
        is_wanted = False
        try:
            connection.execute(
                sql.SQL("LISTEN {}").format(sql.Identifier(self._channel))
            )
            with self._lock:
                self._connection = connection
                is_wanted = not self._is_given_up
        finally:
            if not is_wanted:
                connection.close()
        return connection

    def give_up(self) -> None:
        """Wait no longer, and close what came at the very last moment."""
        with self._lock:
            self._is_given_up = True
            if self._connection is not None:
                self._connection.close()


class _Listener:
    """Tell apart what wakes the worker and what it has sent to itself."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        worker_id: str,
        on_wake: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._worker_id = worker_id
        self._on_wake = on_wake
        self._awaited_payload: str | None = None
        self._has_arrived = trio.Event()

    async def receive(self) -> None:
        """Take notifications as they come."""
        while True:
            await trio.lowlevel.wait_readable(self._connection.pgconn.socket)
            for payload in self._received():
                if payload == self._worker_id:
                    self._on_wake()
                elif payload == self._awaited_payload:
                    self._has_arrived.set()

    def _received(self) -> Iterator[str]:
        pgconn = self._connection.pgconn
        pgconn.consume_input()
        while (notify := pgconn.notifies()) is not None:
            yield notify.extra.decode()

    async def probe(self, pool: Pool, call: Call, on_ready: Callable[[], None]) -> None:
        """Send oneself a notification now and then, and expect to hear it."""
        while True:
            self._awaited_payload = payload = f"probe {secrets.token_hex(8)}"
            self._has_arrived = trio.Event()

            def send(payload: str = payload) -> None:
                notify_worker(pool, self._worker_id, payload=payload)

            await call(CONNECT_SECONDS, send)
            with trio.move_on_after(_ARRIVAL_SECONDS):
                await self._has_arrived.wait()
            if not self._has_arrived.is_set():
                raise RunledgerError("runtime.notifications_not_received")
            on_ready()
            on_ready = _nothing
            await trio.sleep(spread(_PROBE_INTERVAL_SECONDS))


async def _first_error(*tasks: Callable[[], Awaitable[None]]) -> None:
    """Run tasks that do not end by themselves until one fails, and raise its error."""
    errors: list[RunledgerError] = []

    async def guarded(task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except psycopg.Error as error:
            errors.append(_lost(error))
        except RunledgerError as error:
            errors.append(error)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(guarded, task)
    if errors:
        raise errors[0]


def _lost(error: psycopg.Error) -> RunledgerError:
    lost = DatabaseConnectionError(
        "db.connection_failed", internal=f"{type(error).__name__}: {error}"
    )
    lost.__cause__ = error
    return lost


def _nothing() -> None:
    pass
