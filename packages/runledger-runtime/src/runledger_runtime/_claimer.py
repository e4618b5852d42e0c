"""Claim due jobs for as long as there are free slots, and rest when there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from runledger_core import RunledgerError

from ._log_events import LogEvent, emit
from ._rest import Rest
from ._ticks import Backoff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runledger_core import Lease

    from ._execution import Execution
    from ._held_jobs import HeldJobs
    from ._ledger import ClaimedJob, Ledger
    from ._stop import Stop
    from ._wake_up import WakeUp
    from .config import JobsConfig

_RELEASE_SECONDS = 5.0


class Claimer:
    """
    Claim jobs for free slots: at once while there are some, else when there may be.

    A type that has as many jobs as may run at once is left out of the claim, and of a
    type that is limited no more are claimed than fit.
    """

    def __init__(
        self,
        ledger: Ledger,
        held: HeldJobs,
        execution: Execution,
        job_types: Sequence[str],
        config: JobsConfig,
        *,
        wake_up: WakeUp,
    ) -> None:
        self._ledger = ledger
        self._held = held
        self._execution = execution
        self._job_types = job_types
        self._config = config
        self._wake_up = wake_up
        self._rest = Rest(ledger, held, job_types, config, wake_up=wake_up)
        self._poll_seconds = config.poll_interval_ms / 1000
        # A claim whose answer took longer would have little of its lease left.
        self._timeout_seconds = min(
            config.database_timeout_seconds, config.lease_ttl_seconds / 2
        )
        self._backoff = Backoff()

    async def run(self, stop: Stop, *, stop_when_idle: bool) -> bool:
        """
        Claim until *stop* is requested; True if it ran out of work before that.

        What was claimed and has not begun by then is given back, and nobody waits for
        this worker any more.
        """
        is_done = False
        # The request cancels the waiting, not the claims: those are deaf to it. Even
        # under full load there is a checkpoint before each claim.
        with stop.ending():
            while not is_done:
                is_done = await self._round(stop, stop_when_idle=stop_when_idle)
        await self._give_back([job.lease for job in self._execution.take_unstarted()])
        await self._rest.end()
        return is_done

    async def _round(self, stop: Stop, *, stop_when_idle: bool) -> bool:
        """Claim once, when there is room; True if there was nothing left to do."""
        await self._wait_for_room()
        was_idle = self._held.is_idle
        limit = min(self._held.free_count, self._config.claim_batch_size)
        claimed_count = await self.one_pass(limit, stop)
        if claimed_count is None:
            await trio.sleep(self._backoff.next_pause())
            return False
        if claimed_count:
            # What was claimed begins first: the tasks for it have the turn after this.
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            await self._rest.break_off(is_full=claimed_count == limit)
        if claimed_count == limit:
            return False
        if stop_when_idle:
            if was_idle and claimed_count == 0:
                return True
            await self._rest_until_idle()
        else:
            await self._rest.take()
        return False

    async def one_pass(self, limit: int, stop: Stop) -> int | None:
        """Claim up to *limit* jobs and start them; None if the claim failed."""
        asked_at = trio.current_time()
        self._wake_up.forget()
        try:
            claimed = await self._claim(limit)
        except RunledgerError as error:
            emit(
                LogEvent.CLAIM_FAILED,
                "no jobs were claimed; %s",
                error.internal_message(),
                code=error.code,
            )
            return None
        self._backoff.reset()
        if claimed and stop.is_requested:
            await self._give_back([job.lease for job in claimed])
        elif claimed:
            lease_until = asked_at + self._config.lease_ttl_seconds
            self._execution.start(claimed, lease_until=lease_until)
        return len(claimed)

    async def _claim(self, limit: int) -> Sequence[ClaimedJob]:
        rooms = self._held.type_rooms()
        return await self._ledger.claim(
            worker_id=self._config.worker_id,
            lease_seconds=self._config.lease_ttl_seconds,
            limit=limit,
            job_types=[each for each in self._job_types if rooms.get(each, 1)],
            type_limits={each: room for each, room in rooms.items() if room},
            timeout_seconds=self._timeout_seconds,
        )

    async def _wait_for_room(self) -> None:
        """Wait for a free slot; meanwhile somebody else may have one for what comes."""
        await self._held.wait_until(self._is_of_use)
        while not self._has_room():
            self._wake_up.forget()
            await self._rest.wake_another()
            await self._held.wait_until(self._is_of_use)

    def _is_of_use(self) -> bool:
        return self._wake_up.is_heard or self._has_room()

    def _has_room(self) -> bool:
        return self._held.free_count > 0 and not all(
            map(self._held.is_full_for, self._job_types)
        )

    async def _rest_until_idle(self) -> None:
        """Wait for jobs that run, which may enqueue others, or that come back soon."""
        seconds_to_retry = self._held.retry_due_at - trio.current_time()
        if not self._held and seconds_to_retry > 0:
            await trio.sleep(min(seconds_to_retry, self._poll_seconds))
            return
        rooms = self._held.type_rooms()
        with trio.move_on_after(self._poll_seconds):
            await self._held.wait_until(
                lambda: not self._held or self._held.type_rooms() != rooms
            )

    async def _give_back(self, leases: Sequence[Lease]) -> None:
        """Return claims whose jobs were not started; else their leases expire."""
        if not leases:
            return
        count = 0
        try:
            count = await self._ledger.release(
                leases,
                reason="the worker is shutting down",
                timeout_seconds=min(
                    _RELEASE_SECONDS, self._config.database_timeout_seconds
                ),
            )
        except RunledgerError as error:
            emit(
                LogEvent.CLAIMS_NOT_GIVEN_BACK,
                "claims not given back; %s",
                error.internal_message(),
                code=error.code,
            )
        emit(
            LogEvent.CLAIMS_GIVEN_BACK,
            "claims given back unstarted: %d of %d",
            count,
            len(leases),
            count=count,
        )
