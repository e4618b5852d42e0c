"""
The connection that a worker has to itself, beside the pool, in trio's event loop.

It hears the worker's notifications, and it sends what cannot wait for a thread: claims,
and what a resting worker asks. Its socket is one more thing that the loop looks at, so
that a notification reaches the worker in the turn in which it arrives, and the claim is
on its way soon after.

It is made like the pool's, and outside of the pool: claims wait for a connection of the
pool, and one that listened would never come back to it. What may block (to connect, to
say LISTEN) is done in a thread.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import psycopg
import trio
from psycopg import sql

from runledger_postgres import WatchedConnection

from ._connect import coded_connection_errors, connect_beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from runledger_postgres import Operation, Running

    from ._calls import Pool

P = ParamSpec("P")
T = TypeVar("T")


class OwnConnection:
    """
    Run operations without a thread, one at a time.

    Args:
        connection: is closed by `close`.
        on_notify: takes the payload of each notification.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], on_notify: Callable[[str], None]
    ) -> None:
        self._connection = connection
        self._watched = WatchedConnection(connection, on_notify)

    @property
    def is_busy(self) -> bool:
        """Whether an operation runs, be it that nobody waits for it any more."""
        return self._watched.is_busy

    @property
    def is_free(self) -> bool:
        """Whether an operation can be run."""
        return self._watched.is_free

    async def receive(self) -> None:
        """
        Take notifications and answers as they come.

        Raises:
            DatabaseConnectionError: ``db.connection_failed``.
        """
        while True:
            await trio.lowlevel.wait_readable(self._watched)
            self._watched.receive()

    async def run(
        self,
        operation: Operation[P, T],
        on_late: Callable[[Running[T]], None],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """
        Run an operation while `receive` runs, too.

        Whoever is cancelled meanwhile leaves it behind: the connection is busy until
        its answer has come, which *on_late* takes.
        """
        running = self._watched.start(operation, *args, **kwargs)
        ended = trio.Event()
        running.when_ended(ended.set)
        try:
            while self._watched.flush():
                await trio.lowlevel.wait_writable(self._watched)
            if not running.is_ended:
                await ended.wait()
        except trio.Cancelled:
            # What came at the very last moment has come.
            if not running.is_ended:
                running.when_ended(lambda: on_late(running))
                raise
        return running.result()

    def close(self) -> None:
        """End what runs, and close the connection."""
        self._watched.give_up(psycopg.OperationalError("the worker does not listen"))
        self._connection.close()


async def open_own_connection(
    pool: Pool, channel: str, on_notify: Callable[[str], None]
) -> OwnConnection:
    """
    Connect beside the pool, and listen on *channel*.

    Whoever is cancelled meanwhile leaves the thread behind, which closes what it made.

    Raises:
        DatabaseConnectionError: ``db.connection_failed``.
    """
    opening = _Opening(pool, channel)
    try:
        with coded_connection_errors():
            connection = await trio.to_thread.run_sync(
                opening.open, abandon_on_cancel=True
            )
    except trio.Cancelled:
        opening.give_up()
        raise
    return OwnConnection(connection, on_notify)


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
