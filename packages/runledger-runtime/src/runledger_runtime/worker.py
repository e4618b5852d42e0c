"""The worker loop: claim due jobs, run them, settle them."""

from __future__ import annotations

import logging
from enum import Enum
from typing import TYPE_CHECKING

import trio

from runledger_core import RunledgerError

from ._completer import Completer
from ._execution import Execution
from ._held_jobs import CancelReason, HeldJobs
from ._lease_keeper import LeaseKeeper
from ._ticks import Backoff, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._ledger import ClaimedJob, Ledger
    from ._stop import Stop
    from .config import JobsConfig
    from .registry import JobRegistry

__all__ = ["RuntimeLoopExit", "run_worker_loop"]

# What an urgent stop leaves for handlers to unwind and for outcomes to be settled.
_URGENT_SECONDS = 1.0
_logger = logging.getLogger("runledger_runtime")


class RuntimeLoopExit(Enum):
    """Say why a loop ended."""

    SHUTDOWN = "SHUTDOWN"
    """It was asked to stop, and left nothing behind."""
    COMPLETED = "COMPLETED"
    """There was nothing left to do, and it was to stop then."""
    INTERRUPTED = "INTERRUPTED"
    """It was asked to stop, and jobs were cut short: their leases will expire."""


async def run_worker_loop(
    ledger: Ledger,
    registry: JobRegistry,
    config: JobsConfig,
    stop: Stop,
    *,
    stop_when_idle: bool = False,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> RuntimeLoopExit:
    """
    Work until *stop* is requested, and then finish what was begun.

    Claims, handlers and completions overlap. A claim takes no more jobs than can be
    started at once; one that was under way when the stop came is still honoured: its
    jobs run too. Then handlers have ``shutdown_grace_seconds`` to end. Those that have
    not are cancelled; what they still return counts, and the rest is left to the
    expiry of their leases, as is everything when the loop itself is cancelled. Errors
    of the database are logged and waited out.

    Args:
        ledger: where the jobs are.
        registry: the handlers; what is registered later is not seen.
        config: the settings, which are validated.
        stop: tells the loop to stop.
        stop_when_idle: also stop as soon as no job of these types is due and none
            runs. A job that failed here counts as due if it is to be tried again
            within a second, but not if it has to wait longer.
        task_status: told when the loop has begun.

    Raises:
        ConfigError: ``config.invalid_value``.
    """
    config.validate()
    handlers = registry.copy()
    # One batch of outcomes that is under way, and one that gathers behind it.
    held = HeldJobs(
        config.max_global_concurrency, unsettled_limit=2 * config.claim_batch_size
    )
    completer = Completer(ledger, held, timeout_seconds=config.database_timeout_seconds)
    keeper = LeaseKeeper(ledger, held, lease_ttl_seconds=config.lease_ttl_seconds)
    async with trio.open_nursery() as nursery:
        execution = Execution(
            nursery,
            registry=handlers,
            held=held,
            settle=completer.put,
            catches_interrupts=stop.catches_interrupts,
        )
        nursery.start_soon(completer.run, name="runledger completer")
        nursery.start_soon(keeper.run, name="runledger lease keeper")
        task_status.started()
        claimer = Claimer(ledger, held, execution, handlers.registered_types, config)
        loop_exit = await claimer.run(stop, stop_when_idle=stop_when_idle)
        if not await _drain(held, config, stop):
            loop_exit = RuntimeLoopExit.INTERRUPTED
        nursery.cancel_scope.cancel()
    return loop_exit


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

    async def run(self, stop: Stop, *, stop_when_idle: bool) -> RuntimeLoopExit:
        """Claim until *stop* is requested, or until there is nothing left to do."""
        # The request cancels the waiting, not the claims: those are deaf to it.
        with stop.ending():
            while not stop.is_requested:
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
                        return RuntimeLoopExit.COMPLETED
                    await self._rest_until_idle()
                else:
                    await trio.sleep(spread(self._poll_seconds))
        return RuntimeLoopExit.SHUTDOWN

    async def one_pass(self, limit: int) -> int | None:
        """Claim up to *limit* jobs and start them; None if the claim failed."""
        asked_at = trio.current_time()
        try:
            claimed = await self._claim(limit)
        except RunledgerError as error:
            _logger.warning("no jobs were claimed; %s", error.internal_message())
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


async def _drain(held: HeldJobs, config: JobsConfig, stop: Stop) -> bool:
    """Let what was begun come to its end; return whether all of it did."""
    with stop.patience(config.shutdown_grace_seconds):
        await held.wait_until(lambda: not held.active_count)
    is_complete = not held.active_count
    if not is_complete:
        await _cancel_handlers(held, config, stop)
    seconds = config.database_timeout_seconds
    await _wait_patiently(held, lambda: not held, seconds=seconds, stop=stop)
    return is_complete and not held


async def _cancel_handlers(held: HeldJobs, config: JobsConfig, stop: Stop) -> None:
    cancelled = [job for job in held if not job.is_ended]
    _logger.warning("cancelling jobs that did not finish in time: %d", len(cancelled))
    for job in cancelled:
        job.cancel(CancelReason.SHUTDOWN)
    seconds = config.cancel_grace_seconds
    await _wait_patiently(
        held, lambda: not held.active_count, seconds=seconds, stop=stop
    )
    for job in cancelled:
        if not job.is_ended:
            _logger.error(
                "job %s (%s) swallows its cancellation and holds up the shutdown",
                job.lease.job_id,
                job.claimed.job_type,
            )


async def _wait_patiently(
    held: HeldJobs, holds: Callable[[], bool], *, seconds: float, stop: Stop
) -> None:
    """Wait for *holds*, but hardly any longer once the stop has become urgent."""
    with stop.patience(seconds):
        await held.wait_until(holds)
    if stop.is_urgent:
        with trio.move_on_after(_URGENT_SECONDS):
            await held.wait_until(holds)
