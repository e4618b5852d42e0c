"""The part of the ledger's port for workers that sleep and are woken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


class WorkerRest(Protocol):
    """How long a worker may sleep, unless it is woken; 0 if a job is due already."""

    @property
    def seconds(self) -> float: ...
    @property
    def was_asleep(self) -> bool | None:
        """Whether it was marked before; None for one that is not announced."""
        ...


class SleepingWorkers(Protocol):
    """What a worker asks of the ledger when it has run out of work; see `Ledger`."""

    async def fall_asleep(
        self,
        *,
        worker_id: str,
        job_types: Collection[str],
        longest_seconds: float,
        timeout_seconds: float,
    ) -> WorkerRest:
        """Mark a worker as asleep: an enqueue of these types may wake it."""
        ...

    async def awake(self, worker_id: str, *, timeout_seconds: float) -> None:
        """Mark a worker as awake."""
        ...

    async def wake_another(
        self, *, worker_id: str, job_types: Collection[str], timeout_seconds: float
    ) -> None:
        """Wake another worker that takes any of these types, if one sleeps."""
        ...

    async def listen(
        self,
        worker_id: str,
        *,
        on_ready: Callable[[], None],
        on_wake: Callable[[], None],
    ) -> None:
        """
        Call *on_wake* whenever the worker is woken; ends with an error, if at all.

        Unlike the others it lasts until it is cancelled. *on_ready* is called once it
        is known that notifications arrive. A `RunledgerError` says that they do not, or
        no more: ``runtime.notifications_not_received`` that another try, soon, would
        find the same.
        """
        ...
