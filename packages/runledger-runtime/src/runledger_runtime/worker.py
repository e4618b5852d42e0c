"""The worker loop: claim due jobs, run them, settle them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from ._claimer import Claimer
from ._completer import Completer
from ._completion_lanes import CompletionLanes
from ._execution import Execution
from ._held_jobs import CancelReason, HeldJobs
from ._lease_keeper import LeaseKeeper
from ._lifecycle import Lifecycle
from ._log_events import LogEvent, emit
from ._loop_exit import RuntimeLoopExit
from ._loop_watch import LoopWatch
from ._presence import Presence
from ._reporter import Reporter
from ._surveyor import Surveyor
from ._vitals import Vitals
from ._wake_up import WakeUp
from .config import WakeUpMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._ledger import Ledger
    from ._stop import Stop
    from .config import JobsConfig
    from .observers import JobLifecycleObserver
    from .registry import JobRegistry

__all__ = ["run_worker_loop"]

# What an urgent stop leaves for handlers to unwind and for outcomes to be settled.
_URGENT_SECONDS = 1.0
# What was said last, dead-letter hooks and observers have this long at the end.
_LAST_CALLS_SECONDS = 10.0


async def run_worker_loop(
    ledger: Ledger,
    registry: JobRegistry,
    config: JobsConfig,
    stop: Stop,
    *,
    stop_when_idle: bool = False,
    observers: Sequence[JobLifecycleObserver] = (),
    vitals: Vitals | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> RuntimeLoopExit:
    """
    Work until *stop* is requested, and then finish what was begun.

    Claims, handlers and completions overlap. A claim takes no more jobs than can be
    started at once. What it has not started when the stop comes is given back, attempts
    unconsumed, as are the jobs of a claim that is under way. Then handlers have
    ``shutdown_grace_seconds`` to end. Those that have not are cancelled; what they
    still return counts, and the rest is left to the expiry of their leases, as is
    everything when the loop itself is cancelled. Errors of the database are logged and
    waited out.

    Args:
        ledger: where the jobs are.
        registry: the handlers; what is registered later is not seen.
        config: the settings, which are validated.
        stop: tells the loop to stop.
        stop_when_idle: also stop as soon as no job of these types is due and none
            runs. A job that failed here counts as due if it is to be tried again
            within a second, but not if it has to wait longer.
        observers: are told of what becomes of the jobs.
        vitals: the supervisor's notes on how it fares, if there is one.
        task_status: told when the loop has begun.

    Raises:
        ConfigError: ``config.invalid_value``.
    """
    config.validate()
    handlers = registry.copy()
    # One batch of outcomes that is under way, and one that gathers behind it.
    held = HeldJobs(
        config.max_global_concurrency,
        unsettled_limit=2 * config.claim_batch_size,
        type_limits=handlers.concurrency_limits(),
    )
    presence = Presence(ledger, handlers.registered_types, config)
    surveyor = Surveyor(ledger, held, handlers.registered_types, config)
    timeout_seconds = config.database_timeout_seconds
    watch = LoopWatch(ledger, held, lease_ttl_seconds=config.lease_ttl_seconds)
    wake_up = WakeUp(ledger, held, config.worker_id)
    notes = Vitals(stop) if vitals is None else vitals
    notes.hold(held)
    async with trio.open_nursery() as nursery:
        lifecycle = Lifecycle(
            nursery, handlers, observers, catches_interrupts=stop.catches_interrupts
        )
        lanes = CompletionLanes(
            lambda: Completer(
                ledger,
                held,
                lifecycle,
                on_queued=wake_up.hear,
                timeout_seconds=timeout_seconds,
            )
        )
        keeper = LeaseKeeper(
            ledger, held, lifecycle, lease_ttl_seconds=config.lease_ttl_seconds
        )
        reporter = Reporter(ledger, lifecycle, timeout_seconds=timeout_seconds)
        execution = Execution(
            nursery,
            registry=handlers,
            held=held,
            settle=lanes.put,
            reporter=reporter,
            lifecycle=lifecycle,
            catches_interrupts=stop.catches_interrupts,
        )
        nursery.start_soon(lanes.run, name="runledger completers")
        nursery.start_soon(keeper.run, name="runledger lease keeper")
        nursery.start_soon(reporter.run, name="runledger reporter")
        nursery.start_soon(presence.run, name="runledger presence")
        nursery.start_soon(watch.run, name="runledger loop watch")
        if not stop_when_idle:
            # Else claims look everywhere: the last job may not be missed.
            nursery.start_soon(surveyor.run, name="runledger surveyor")
            if config.wake_up == WakeUpMode.NOTIFY:
                nursery.start_soon(wake_up.run, name="runledger wake-up")
        task_status.started()
        claimer = Claimer(
            ledger,
            held,
            execution,
            handlers.registered_types,
            config,
            wake_up=wake_up,
        )
        ran_out = await claimer.run(stop, stop_when_idle=stop_when_idle)
        loop_exit = RuntimeLoopExit.COMPLETED if ran_out else RuntimeLoopExit.SHUTDOWN
        if not await _drain(held, config, stop):
            loop_exit = RuntimeLoopExit.INTERRUPTED
        with stop.patience(_LAST_CALLS_SECONDS):
            await reporter.flush()
            await lifecycle.wait_done()
        if held:
            notes.drained()
        nursery.cancel_scope.cancel()
    await presence.end()
    return loop_exit


async def _drain(held: HeldJobs, config: JobsConfig, stop: Stop) -> bool:
    """Let what was begun come to its end; return whether all of it did."""
    with stop.patience(config.shutdown_grace_seconds):
        await held.wait_until(lambda: not held.active_count)
    is_complete = not held.active_count
    if not is_complete:
        await _cancel_handlers(held, config, stop)
    seconds = config.database_timeout_seconds
    await _wait_patiently(
        held, lambda: len(held) == held.active_count, seconds=seconds, stop=stop
    )
    return is_complete and not held


async def _cancel_handlers(held: HeldJobs, config: JobsConfig, stop: Stop) -> None:
    cancelled = [job for job in held if not job.is_ended]
    emit(
        LogEvent.JOBS_CANCELLED,
        "cancelling jobs that did not finish in time: %d",
        len(cancelled),
        count=len(cancelled),
    )
    for job in cancelled:
        job.cancel(CancelReason.SHUTDOWN)
    seconds = config.cancel_grace_seconds
    await _wait_patiently(
        held, lambda: not held.active_count, seconds=seconds, stop=stop
    )
    for job in cancelled:
        if not job.is_ended:
            emit(
                LogEvent.JOB_SWALLOWS_CANCELLATION,
                "job %s (%s) swallows its cancellation and holds up the shutdown",
                job.lease.job_id,
                job.claimed.job_type,
                lease=job.lease,
                job_type=job.claimed.job_type,
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
