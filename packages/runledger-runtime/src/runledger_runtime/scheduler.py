"""The scheduler loop: enqueue the jobs of schedules when they are due."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import trio

from runledger_core import RunledgerError

from ._log_events import LogEvent, emit
from ._loop_exit import RuntimeLoopExit
from ._ticks import Backoff, spread

if TYPE_CHECKING:
    from ._schedule_ledger import FireReport, ScheduleLedger
    from ._stop import Stop
    from .config import JobsConfig

__all__ = ["run_scheduler_loop"]

_BATCH_SIZE: Final = 100
# Processes that wait for the same schedule do not all come at the same moment.
_LATEST_SECONDS: Final = 0.25
# What is due and was not fired is in the hands of another scheduler.
_BUSY_SECONDS: Final = 1.0


async def run_scheduler_loop(
    ledger: ScheduleLedger,
    config: JobsConfig,
    stop: Stop,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> RuntimeLoopExit:
    """
    Fire schedules when they are due until *stop* is requested.

    The first pass is made at once. Each pass learns when the next schedule is due by
    the database's clock, and the loop sleeps until then, but no longer than
    ``schedule_poll_interval_seconds``, give or take a quarter: a schedule that somebody
    else stores or moves is seen by then. So a schedule fires within about a quarter of
    a second of its time, and an idle scheduler costs a query in an interval. Any number
    of processes may do this at once. A pass that is under way when the stop comes is
    finished. Errors of the database are logged and waited out.

    Args:
        ledger: where the schedules are.
        config: the settings, which are validated.
        stop: tells the loop to stop.
        task_status: told when the loop has begun.

    Raises:
        ConfigError: ``config.invalid_value``.
    """
    config.validate()
    scheduler = _Scheduler(ledger, config)
    task_status.started()
    with stop.ending():
        while not stop.is_requested:
            pause = await scheduler.one_pass()
            await trio.sleep(pause)
    return RuntimeLoopExit.SHUTDOWN


async def fire_what_is_due(ledger: ScheduleLedger, config: JobsConfig) -> None:
    """Make the passes that what is due at the moment needs."""
    scheduler = _Scheduler(ledger, config)
    while await scheduler.one_pass() == 0:
        pass


class _Scheduler:
    """Make passes over the due schedules, and say how long to rest after each."""

    def __init__(self, ledger: ScheduleLedger, config: JobsConfig) -> None:
        self._ledger = ledger
        self._timeout_seconds = config.database_timeout_seconds
        self._poll_seconds = config.schedule_poll_interval_seconds
        self._backoff = Backoff()

    async def one_pass(self) -> float:
        """Fire one batch; return how many seconds to wait before the next."""
        try:
            report = await self._ledger.fire_due_schedules(
                limit=_BATCH_SIZE, timeout_seconds=self._timeout_seconds
            )
        except RunledgerError as error:
            emit(
                LogEvent.SCHEDULES_NOT_FIRED,
                "no schedules were fired; %s",
                error.internal_message(),
                code=error.code,
            )
            return self._backoff.next_pause()
        self._backoff.reset()
        _tell(report)
        if report.has_more:
            return 0
        return self._pause_until(report.next_due_in_seconds)

    def _pause_until(self, due_in_seconds: float | None) -> float:
        longest = spread(self._poll_seconds)
        if due_in_seconds is None or due_in_seconds > longest:
            return longest
        if due_in_seconds <= 0:
            return spread(_BUSY_SECONDS)
        return due_in_seconds + random.uniform(0, _LATEST_SECONDS)  # noqa: S311


def _tell(report: FireReport) -> None:
    if report.fired:
        count = len(report.fired)
        emit(LogEvent.SCHEDULES_FIRED, "schedules fired: %d jobs", count, count=count)
    if report.skipped_count:
        count = report.skipped_count
        message = "schedules that let a slot go: %d"
        emit(LogEvent.SCHEDULES_SKIPPED, message, count, count=count)
    for deferred in report.deferred:
        if deferred.error is not None:
            emit(
                LogEvent.SCHEDULE_DEFERRED,
                "schedule %r could not fire for %s and will try again; %s",
                deferred.schedule_name,
                deferred.scheduled_for.isoformat(),
                deferred.error.internal_message(),
                schedule_name=deferred.schedule_name,
                code=deferred.error.code,
            )
