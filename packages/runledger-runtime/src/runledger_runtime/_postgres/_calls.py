"""Call the storage operations from trio, in threads or by a connection of its own."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar

import trio
from psycopg_pool import ConnectionPool

from ..errors import LedgerTimeoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runledger_postgres import Operation

    from ._own_connection import OwnConnection

P = ParamSpec("P")
T = TypeVar("T")

Pool: TypeAlias = "ConnectionPool[Any]"

# Claims and heartbeats need one each, completions three. The others are for calls whose
# time ran out while the network holds their threads.
_THREADS_COUNT = 10
_ABANDONED_SECONDS = 1.0


class PostgresCalls:
    """
    Make calls that are deaf to cancellation from outside, and bounded in time.

    Each hops to a thread that takes a connection of the pool. What a worker asks when
    jobs wait for it goes over `_own` instead, while there is one that is free.

    What belongs to one loop is a subclass in a file of its own; `PostgresLedger` is
    all of them together.
    """

    def __init__(self, pool: Pool) -> None:
        if not isinstance(pool, ConnectionPool):
            message = (
                "the runtime takes a psycopg_pool.ConnectionPool, "
                f"not {type(pool).__name__}"
            )
            raise TypeError(message)
        self._pool = pool
        self._limiter = trio.CapacityLimiter(_THREADS_COUNT)
        self._calls: set[trio.CancelScope] = set()
        self._longest_seconds = math.inf
        self._own: OwnConnection | None = None

    def abandon_calls(self) -> None:
        """
        Wait no longer for calls under way: as if their time had run out.

        Calls that are made later get a second.
        """
        self._longest_seconds = _ABANDONED_SECONDS
        for scope in self._calls:
            scope.cancel()

    @property
    def _free_own(self) -> OwnConnection | None:
        """The worker's own connection, if it can be used now."""
        own = self._own
        return own if own is not None and own.is_free else None

    async def _ask(
        self,
        timeout_seconds: float,
        operation: Operation[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run an operation of one statement that does no harm when it comes late."""
        own = self._free_own
        if own is None:
            ask = partial(operation, self._pool, *args, **kwargs)
            return await self._call(timeout_seconds, ask)
        return await self._bounded(
            timeout_seconds, partial(own.run, operation, _ignore, *args, **kwargs)
        )

    async def _call(
        self, timeout_seconds: float, function: Callable[..., T], *args: Any
    ) -> T:
        """Call a blocking function in a thread."""
        hop = partial(
            trio.to_thread.run_sync,
            function,
            *args,
            limiter=self._limiter,
            abandon_on_cancel=True,
        )
        return await self._bounded(timeout_seconds, hop)

    async def _bounded(
        self, timeout_seconds: float, run: Callable[[], Awaitable[T]]
    ) -> T:
        timeout_seconds = min(timeout_seconds, self._longest_seconds)
        with trio.move_on_after(timeout_seconds, shield=True) as scope:
            self._calls.add(scope)
            try:
                return await run()
            finally:
                self._calls.discard(scope)
        detail = f"no answer within {timeout_seconds:g} seconds"
        raise LedgerTimeoutError("db.connection_failed", detail)


def _ignore(running: object) -> None:
    """Let an answer be that nobody waits for."""
