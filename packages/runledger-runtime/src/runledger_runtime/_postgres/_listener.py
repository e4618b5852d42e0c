"""
Listen for the notifications of one worker, on the connection that it has to itself.

The worker's end ends it like any other task. Connections that a network has dropped in
silence are found out: the worker sends itself a notification now and then.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, Protocol

import trio

from runledger_core import RunledgerError
from runledger_postgres import DatabaseConnectionError, notify_worker, wake_channel

from .._ticks import spread
from ._connect import CONNECT_SECONDS
from ._own_connection import OwnConnection, open_own_connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._calls import Pool

# How long a notification to itself may take; when the server works on an answer, it
# comes only after that. And how often one is sent.
_ARRIVAL_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 60.0
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
    on_ready: Callable[[OwnConnection], None],
    on_wake: Callable[[], None],
) -> None:
    """
    Listen until cancelled, or until notifications do not arrive any more.

    Whoever is told by *on_ready* may use the connection until then.

    Raises:
        DatabaseConnectionError: ``db.connection_failed``.
        RunledgerError: ``runtime.notifications_not_received`` when the worker does not
            hear what it sends to itself through the pool.
    """
    listener = _Listener(worker_id, on_wake)
    own = await open_own_connection(pool, wake_channel(worker_id), listener.hear)
    try:
        await _first_error(
            own.receive, lambda: listener.probe(pool, call, own, on_ready)
        )
    finally:
        own.close()


class _Listener:
    """Tell apart what wakes the worker and what it has sent to itself."""

    def __init__(self, worker_id: str, on_wake: Callable[[], None]) -> None:
        self._worker_id = worker_id
        self._on_wake = on_wake
        self._awaited_payload: str | None = None
        self._has_arrived = trio.Event()

    def hear(self, payload: str) -> None:
        """Take a notification."""
        if payload == self._worker_id:
            self._on_wake()
        elif payload == self._awaited_payload:
            self._has_arrived.set()

    async def probe(
        self,
        pool: Pool,
        call: Call,
        own: OwnConnection,
        on_ready: Callable[[OwnConnection], None],
    ) -> None:
        """Send oneself a notification now and then, and expect to hear it."""
        while True:
            self._awaited_payload = payload = f"probe {secrets.token_hex(8)}"
            self._has_arrived = trio.Event()

            def send(payload: str = payload) -> None:
                notify_worker(pool, self._worker_id, payload=payload)

            await call(CONNECT_SECONDS, send)
            await self._expect_arrival(own)
            on_ready(own)
            on_ready = _nothing
            await trio.sleep(spread(_PROBE_INTERVAL_SECONDS))

    async def _expect_arrival(self, own: OwnConnection) -> None:
        for seconds in (_ARRIVAL_SECONDS, _ANSWER_SECONDS):
            with trio.move_on_after(seconds):
                await self._has_arrived.wait()
            if self._has_arrived.is_set():
                return
            if not own.is_busy:
                raise RunledgerError("runtime.notifications_not_received")
        detail = f"no answer within {_ARRIVAL_SECONDS + _ANSWER_SECONDS:g} seconds"
        raise DatabaseConnectionError("db.connection_failed", internal=detail)


async def _first_error(*tasks: Callable[[], Awaitable[None]]) -> None:
    """Run tasks that do not end by themselves until one fails, and raise its error."""
    errors: list[RunledgerError] = []

    async def guarded(task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except RunledgerError as error:
            errors.append(error)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(guarded, task)
    if errors:
        raise errors[0]


def _nothing(_: object) -> None:
    pass
