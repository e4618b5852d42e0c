"""Claim due jobs for as long as there are free slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from runledger_core import RunledgerError

from ._log_events import LogEvent, emit
from ._ticks import Backoff, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._execution import Execution
    from ._held_jobs import HeldJobs
    from ._ledger import ClaimedJob, Ledger
    from ._stop import Stop
    from .config import JobsConfig


class Claimer:
    """Claim jobs for free slots: at once while there are more, else now and then."""

    def __init__(
        self,
        ledger: Ledger,
        held: HeldJobs,
        execution: Execution,
        job_types: Sequence[str],
        config: JobsConfig,
    ) -> None:
        self._ledger = ledger
        self._held = held
        self._execution = execution
        self._job_types = job_types
        self._config = config
        self._poll_seconds = config.poll_interval_ms / 1000
        # A claim whose answer took longer would have little of its lease left.
        self._timeout_seconds = min(
            config.database_timeout_seconds, config.lease_ttl_seconds / 2
        )
        self._backoff = Backoff()

    async def run(self, stop: Stop, *, stop_when_idle: bool) -> bool:
        """Claim until *stop* is requested; True if it ran out of work before that."""
        # The request cancels the waiting, not the claims: those are deaf to it. Even
        # under full load there is a checkpoint before each claim.
        with stop.ending():
            while True:
                await self._held.wait_until(self._has_free_slot)
                was_idle = self._held.is_idle
                limit = min(self._held.free_count, self._config.claim_batch_size)
                claimed_count = await self.one_pass(limit)
                if claimed_count == limit:
                    continue
                if claimed_count is None:
                    await trio.sleep(self._backoff.next_pause())
                elif stop_when_idle:
                    if was_idle and claimed_count == 0:
                        return True
                    await self._rest_until_idle()
                else:
                    await trio.sleep(spread(self._poll_seconds))
        return False

    async def one_pass(self, limit: int) -> int | None:
        """Claim up to *limit* jobs and start them; None if the claim failed."""
        asked_at = trio.current_time()
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
        if claimed:
            lease_until = asked_at + self._config.lease_ttl_seconds
            self._execution.start(claimed, lease_until=lease_until)
        return len(claimed)

    async def _claim(self, limit: int) -> Sequence[ClaimedJob]:
        return await self._ledger.claim(
            worker_id=self._config.worker_id,
            lease_seconds=self._config.lease_ttl_seconds,
            limit=limit,
            job_types=self._job_types,
            timeout_seconds=self._timeout_seconds,
        )

    async def _rest_until_idle(self) -> None:
        """Wait for jobs that run, which may enqueue others, or that come back soon."""
        seconds_to_retry = self._held.retry_due_at - trio.current_time()
        if not self._held and seconds_to_retry > 0:
            await trio.sleep(min(seconds_to_retry, self._poll_seconds))
            return
        with trio.move_on_after(self._poll_seconds):
            await self._held.wait_until(lambda: not self._held)

    def _has_free_slot(self) -> bool:
        return self._held.free_count > 0
