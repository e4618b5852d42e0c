"""Call the blocking storage operations from trio, one thread hop for each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import trio
from psycopg_pool import ConnectionPool

from ..errors import LedgerTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

Pool: TypeAlias = "ConnectionPool[Any]"

# Claims, completions and heartbeats need one each. The others are for calls whose time
# ran out while the network holds their threads.
_THREADS_COUNT = 8
_ABANDONED_SECONDS = 1.0


class PostgresCalls:
    """
    Hop to a thread for a call: deaf to cancellation from outside, bounded in time.

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

    def abandon_calls(self) -> None:
        """
        Wait no longer for calls under way: as if their time had run out.

        Calls that are made later get a second.
        """
        self._longest_seconds = _ABANDONED_SECONDS
        for scope in self._calls:
            scope.cancel()

    async def _call(
        self, timeout_seconds: float, function: Callable[..., T], *args: Any
    ) -> T:
        timeout_seconds = min(timeout_seconds, self._longest_seconds)
        with trio.move_on_after(timeout_seconds, shield=True) as scope:
            self._calls.add(scope)
            try:
                return await trio.to_thread.run_sync(
                    function, *args, limiter=self._limiter, abandon_on_cancel=True
                )
            finally:
                self._calls.discard(scope)
        detail = f"no answer within {timeout_seconds:g} seconds"
        raise LedgerTimeoutError("db.connection_failed", detail)
