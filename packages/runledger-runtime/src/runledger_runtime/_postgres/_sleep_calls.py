"""Call the operations of a worker that sleeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_postgres import awake, fall_asleep, wake_worker

from ._front_calls import FrontCalls
from ._listener import listen_until_lost

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from runledger_postgres import WorkerRest

    from ._own_connection import OwnConnection


class SleepCalls(FrontCalls):
    """Mark a worker as asleep or awake, wake another, and listen."""

    async def fall_asleep(
        self,
        *,
        worker_id: str,
        job_types: Collection[str],
        longest_seconds: float,
        timeout_seconds: float,
    ) -> WorkerRest:
        """Mark a worker as asleep: an enqueue of these types may wake it."""
        return await self._ask(
            timeout_seconds,
            fall_asleep,
            worker_id=worker_id,
            job_types=job_types,
            longest_seconds=longest_seconds,
            fronts=self.fronts,
        )

    async def awake(self, worker_id: str, *, timeout_seconds: float) -> None:
        """Mark a worker as awake."""
        await self._ask(timeout_seconds, awake, worker_id)

    async def wake_another(
        self, *, worker_id: str, job_types: Collection[str], timeout_seconds: float
    ) -> None:
        """Wake another worker that takes any of these types, if one sleeps."""
        await self._ask(
            timeout_seconds, wake_worker, worker_id=worker_id, job_types=job_types
        )

    async def listen(
        self,
        worker_id: str,
        *,
        on_ready: Callable[[], None],
        on_wake: Callable[[], None],
    ) -> None:
        """Call *on_wake* whenever the worker is woken, until cancelled or cut off."""

        def use(own: OwnConnection) -> None:
            self._own = own
            on_ready()

        try:
            await listen_until_lost(
                self._pool, self._call, worker_id, on_ready=use, on_wake=on_wake
            )
        finally:
            # A second worker of this ledger goes on by the pool.
            self._own = None
