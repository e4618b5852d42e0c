"""What the scheduler and the maintenance loop ask of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from runledger_core import JobSchedule, RunledgerError


class DeferredSchedule(Protocol):
    """A schedule that could not fire, and why if that is worth telling."""

    @property
    def schedule_name(self) -> str: ...
    @property
    def scheduled_for(self) -> datetime: ...
    @property
    def error(self) -> RunledgerError | None: ...


class FireReport(Protocol):
    """What one pass over due schedules did."""

    @property
    def fired(self) -> Sequence[object]: ...
    @property
    def skipped_count(self) -> int: ...
    @property
    def deferred(self) -> Sequence[DeferredSchedule]: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def next_due_in_seconds(self) -> float | None: ...


class PurgeReport(Protocol):
    """What one batch of retention deleted, and where the next one begins."""

    @property
    def deleted_jobs(self) -> int: ...
    @property
    def deleted_runs(self) -> int: ...
    @property
    def next_cursor(self) -> str | None: ...


class GateReport(Protocol):
    """What one pass over gates did whose time is up."""

    @property
    def has_more(self) -> bool: ...


class ScheduleLedger(Protocol):
    """The part of the `Ledger` that works by the calendar."""

    async def sync_schedules(
        self, schedules: Sequence[JobSchedule], *, timeout_seconds: float
    ) -> None:
        """Store the schedules; one that was deactivated there stays so."""
        ...

    async def fire_due_schedules(
        self, *, limit: int, timeout_seconds: float
    ) -> FireReport:
        """Enqueue the jobs of up to *limit* schedules that are due."""
        ...

    async def purge_ended(
        self,
        *,
        older_than: timedelta,
        limit: int,
        keep_keyed: bool,
        cursor: str | None,
        timeout_seconds: float,
    ) -> PurgeReport:
        """Delete up to *limit* jobs and runs that ended that long ago."""
        ...

    async def expire_gate_deadlines(
        self, *, limit: int, timeout_seconds: float
    ) -> GateReport:
        """End up to *limit* gates whose time is up."""
        ...
