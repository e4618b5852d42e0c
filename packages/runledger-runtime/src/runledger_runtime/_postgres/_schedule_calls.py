"""The calls of the scheduler and of the maintenance loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_postgres import (
    JobEnqueueOutcome,
    ScheduleSyncReport,
    enqueue_job,
    expire_gate_deadlines,
    fire_due_schedules,
    purge_ended,
    sync_job_definitions_exact,
    sync_job_schedules,
    sync_job_schedules_exact,
)

from ._calls import PostgresCalls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from runledger_core import JobSchedule
    from runledger_postgres import DeadlineReport, FireReport, PurgeReport

# The catalog gets what it needs of the storage layer from here.
__all__ = [
    "JobEnqueueOutcome",
    "ScheduleCalls",
    "ScheduleSyncReport",
    "enqueue_job",
    "sync_job_definitions_exact",
    "sync_job_schedules",
    "sync_job_schedules_exact",
]


class ScheduleCalls(PostgresCalls):
    """Call what works by the calendar."""

    async def sync_schedules(
        self, schedules: Sequence[JobSchedule], *, timeout_seconds: float
    ) -> None:
        """Store the schedules; one that was deactivated there stays so."""

        def sync() -> None:
            sync_job_schedules(self._pool, schedules, restore_active=False)

        await self._call(timeout_seconds, sync)

    async def fire_due_schedules(
        self, *, limit: int, timeout_seconds: float
    ) -> FireReport:
        """Enqueue the jobs of up to *limit* schedules that are due."""

        def fire() -> FireReport:
            return fire_due_schedules(self._pool, limit=limit)

        return await self._call(timeout_seconds, fire)

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

        def purge() -> PurgeReport:
            return purge_ended(
                self._pool,
                older_than=older_than,
                limit=limit,
                keep_keyed=keep_keyed,
                cursor=cursor,
            )

        return await self._call(timeout_seconds, purge)

    async def expire_gate_deadlines(
        self, *, limit: int, timeout_seconds: float
    ) -> DeadlineReport:
        """End up to *limit* gates whose time is up."""

        def expire() -> DeadlineReport:
            return expire_gate_deadlines(self._pool, limit=limit)

        return await self._call(timeout_seconds, expire)
