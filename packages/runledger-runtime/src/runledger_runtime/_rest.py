"""Let a worker that has run out of work sleep, and know when to look again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from runledger_core import RunledgerError

from ._log_events import LogEvent, emit
from ._ticks import Backoff, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._held_jobs import HeldJobs
    from ._ledger import Ledger
    from ._sleep_port import WorkerRest
    from ._wake_up import WakeUp
    from .config import JobsConfig

_LINGER_SECONDS: Final = 0.005
_FIRST_LOOK_SECONDS: Final = 0.02
# Nobody notifies a worker that is not asleep, so what others enqueue waits for this.
_ENDING_SECONDS: Final = 0.03


class Rest:
    """
    Rest between two claims.

    As long as notifications arrive, a worker that has just found work waits some
    milliseconds and claims again. So one that keeps up with a steady stream of jobs
    claims several at a time, and is not woken for each of them: notifications serialise
    commits. It waits some more while steps of workflows end, which put their dependents
    into the queue. When nothing came, it marks itself as asleep in the ledger and looks
    once more, since somebody may have enqueued a job without seeing the mark. Then it
    sleeps until it is woken, until the next job that is known is due, or until it is
    time to look by itself: that is after some milliseconds first, and after twice as
    long each time, up to a limit. So a notification that got lost, or was not sent
    since a transaction began before the mark, costs about as long as the transaction
    took.

    Without notifications it just waits for the interval.

    Both end early when there is room again for a type that had none.
    """

    def __init__(
        self,
        ledger: Ledger,
        held: HeldJobs,
        job_types: Sequence[str],
        config: JobsConfig,
        *,
        wake_up: WakeUp,
    ) -> None:
        self._ledger = ledger
        self._held = held
        self._job_types = job_types
        self._wake_up = wake_up
        self._worker_id = config.worker_id
        self._poll_seconds = config.poll_interval_ms / 1000
        self._first_seconds = min(self._poll_seconds, _FIRST_LOOK_SECONDS)
        self._longest_seconds = max(self._poll_seconds, config.idle_poll_max_ms / 1000)
        self._timeout_seconds = config.database_timeout_seconds
        self._looks_count = 0
        self._is_marked = False
        self._has_lingered = True
        self._was_due = False
        self._backoff = Backoff()

    async def take(self) -> None:
        """Return when there may be work."""
        while self._wake_up.is_working:
            if not self._has_lingered:
                self._has_lingered = True
                await self._linger()
                return
            limit_seconds = self._next_limit()
            rest = await self._fall_asleep(limit_seconds)
            if rest is None:
                await trio.sleep(self._backoff.next_pause())
                return
            self._backoff.reset()
            if rest.seconds <= 0 and not self._was_due:
                self._was_due = True
                return
            seconds = rest.seconds
            self._was_due = rest.seconds <= 0
            if self._was_due or rest.was_asleep is None:
                # Due, but not to be had: its row is held. Or nobody can wake us.
                seconds = min(limit_seconds, spread(self._poll_seconds))
            if await self._sleep(seconds) or seconds < limit_seconds:
                return
        await self._sleep(spread(self._poll_seconds))

    async def break_off(self, *, is_full: bool) -> None:
        """
        Be awake, after a claim that found work.

        If it took all there was room for, there may be more for another worker: one
        notification may have been meant for several jobs.
        """
        self._looks_count = 0
        self._has_lingered = False
        self._was_due = False
        if not self._is_marked:
            return
        await self._mark_as_awake()
        if is_full:
            await self.wake_another()

    async def _linger(self) -> None:
        """
        Wait a moment for more work, and a little longer while steps are being ended.

        What they release is told by the completer: to claim and to fall asleep before
        that would find nothing, and take the server's time from it.
        """
        if not await self._sleep(_LINGER_SECONDS) and self._held.has_ended_steps():
            await self._sleep(_ENDING_SECONDS)

    async def wake_another(self) -> None:
        """Pass a notification on to another worker."""
        try:
            await self._ledger.wake_another(
                worker_id=self._worker_id,
                job_types=self._job_types,
                timeout_seconds=self._timeout_seconds,
            )
        except RunledgerError as error:
            emit(
                LogEvent.REST_FAILED,
                "no other worker woken; %s",
                error.internal_message(),
                code=error.code,
                is_minor=True,
            )

    async def end(self) -> None:
        """Sleep no more: what this worker was woken for is another's."""
        if self._is_marked:
            await self._mark_as_awake()
        if self._wake_up.is_heard:
            await self.wake_another()

    async def _fall_asleep(self, limit_seconds: float) -> WorkerRest | None:
        """Mark the worker and look; a second time if it was awake before."""
        try:
            rest = await self._look(limit_seconds)
            if rest.was_asleep is False:
                rest = await self._look(limit_seconds)
        except RunledgerError as error:
            emit(
                LogEvent.REST_FAILED,
                "not asleep; %s",
                error.internal_message(),
                code=error.code,
            )
            return None
        return rest

    async def _look(self, limit_seconds: float) -> WorkerRest:
        self._is_marked = True
        return await self._ledger.fall_asleep(
            worker_id=self._worker_id,
            job_types=[
                each for each in self._job_types if not self._held.is_full_for(each)
            ],
            longest_seconds=limit_seconds,
            timeout_seconds=self._timeout_seconds,
        )

    async def _mark_as_awake(self) -> None:
        self._is_marked = False
        try:
            await self._ledger.awake(
                self._worker_id, timeout_seconds=self._timeout_seconds
            )
        except RunledgerError as error:
            emit(
                LogEvent.REST_FAILED,
                "not marked as awake; %s",
                error.internal_message(),
                code=error.code,
                is_minor=True,
            )

    async def _sleep(self, seconds: float) -> bool:
        """Sleep; True if something has happened meanwhile."""
        full = [each for each in self._job_types if self._held.is_full_for(each)]

        def has_news() -> bool:
            return self._wake_up.is_heard or not all(map(self._held.is_full_for, full))

        with trio.move_on_after(seconds) as scope:
            await self._held.wait_until(has_news)
        return not scope.cancelled_caught

    def _next_limit(self) -> float:
        seconds = self._first_seconds * 2.0 ** min(self._looks_count, 32)
        self._looks_count += 1
        return spread(min(seconds, self._longest_seconds))
