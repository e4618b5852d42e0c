"""The maintenance loop: end gates whose time is up, and delete what is old."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import trio

from runledger_core import RunledgerError

from ._log_events import LogEvent, emit
from ._loop_exit import RuntimeLoopExit
from ._ticks import Backoff, spread

if TYPE_CHECKING:
    from ._schedule_ledger import ScheduleLedger
    from ._stop import Stop
    from .config import JobsConfig

__all__ = ["run_maintenance_loop"]

_GATES_BATCH: Final = 100
_PURGE_BATCH: Final = 1000
# Retention looks at all that has ended and must stay, so it does not run at each pass.
_RETENTION_INTERVAL_SECONDS: Final = 3600.0
# Leaves the disk to others between two batches of deletions.
_PURGE_PAUSE_SECONDS: Final = 0.1


async def run_maintenance_loop(
    ledger: ScheduleLedger,
    config: JobsConfig,
    stop: Stop,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> RuntimeLoopExit:
    """
    End open gates whose deadline has passed, and delete old jobs and runs.

    Does nothing and ends with COMPLETED when ``maintenance_interval_seconds`` is 0.
    Otherwise the first pass is made at once and the next ones at that interval, give
    or take a quarter. Gates come first. Retention follows about once an hour, in
    batches that never hold up a claim, if ``retention_hours`` or
    ``keyed_retention_hours`` ask for any. Both go on while there is more to do. Any
    number of processes may do this at once. A batch that is under way when the stop
    comes is finished. Errors of the database are logged and waited out.

    Args:
        ledger: where the jobs and runs are.
        config: the settings, which are validated.
        stop: tells the loop to stop.
        task_status: told when the loop has begun.

    Raises:
        ConfigError: ``config.invalid_value``.
    """
    config.validate()
    task_status.started()
    if not config.maintenance_interval_seconds:
        return RuntimeLoopExit.COMPLETED
    maintenance = _Maintenance(ledger, config)
    with stop.ending():
        while not stop.is_requested:
            pause = await maintenance.one_pass()
            await trio.sleep(pause)
    return RuntimeLoopExit.SHUTDOWN


class _Maintenance:
    """Do what is due, and say how long to rest after it."""

    def __init__(self, ledger: ScheduleLedger, config: JobsConfig) -> None:
        self._ledger = ledger
        self._timeout_seconds = config.database_timeout_seconds
        self._interval_seconds = config.maintenance_interval_seconds
        self._purges = _purges(config)
        self._purge_at = trio.current_time()
        self._backoff = Backoff()

    async def one_pass(self) -> float:
        """Do all that is due; return how many seconds to wait before the next pass."""
        try:
            await self._expire_gates()
            if self._purges and trio.current_time() >= self._purge_at:
                await self._purge()
                self._purge_at = trio.current_time() + spread(
                    _RETENTION_INTERVAL_SECONDS
                )
        except RunledgerError as error:
            emit(
                LogEvent.MAINTENANCE_FAILED,
                "maintenance stopped; %s",
                error.internal_message(),
                code=error.code,
            )
            return max(self._backoff.next_pause(), self._interval_seconds / 10)
        self._backoff.reset()
        return spread(self._interval_seconds)

    async def _expire_gates(self) -> None:
        has_more = True
        while has_more:
            report = await self._ledger.expire_gate_deadlines(
                limit=_GATES_BATCH, timeout_seconds=self._timeout_seconds
            )
            has_more = report.has_more
            await trio.lowlevel.checkpoint()

    async def _purge(self) -> None:
        jobs_count = runs_count = 0
        try:
            for older_than, keep_keyed in self._purges:
                cursor: str | None = None
                while True:
                    report = await self._ledger.purge_ended(
                        older_than=older_than,
                        limit=_PURGE_BATCH,
                        keep_keyed=keep_keyed,
                        cursor=cursor,
                        timeout_seconds=self._timeout_seconds,
                    )
                    jobs_count += report.deleted_jobs
                    runs_count += report.deleted_runs
                    cursor = report.next_cursor
                    if cursor is None:
                        break
                    await trio.sleep(_PURGE_PAUSE_SECONDS)
        finally:
            if jobs_count or runs_count:
                emit(
                    LogEvent.ENDED_DELETED,
                    "deleted what ended long ago: %d jobs, %d runs",
                    jobs_count,
                    runs_count,
                    jobs_count=jobs_count,
                    runs_count=runs_count,
                )


def _purges(config: JobsConfig) -> list[tuple[timedelta, bool]]:
    """Return the ages that retention goes by, and whether it keeps what has a key."""
    purges = []
    if config.retention_hours:
        purges.append((timedelta(hours=config.retention_hours), True))
    if config.keyed_retention_hours:
        purges.append((timedelta(hours=config.keyed_retention_hours), False))
    return purges
