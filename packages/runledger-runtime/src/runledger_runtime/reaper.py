"""The reaper loop: take jobs back from workers that stopped renewing their leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from runledger_core import Jitter, RetryPolicy, RunledgerError

from ._lifecycle import Lifecycle
from ._log_events import LogEvent, emit
from ._loop_exit import RuntimeLoopExit
from ._ticks import spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runledger_core import RetryDelay

    from ._ledger import Ledger
    from ._stop import Stop
    from .config import JobsConfig
    from .observers import JobLifecycleObserver
    from .registry import JobRegistry

__all__ = ["run_reaper_loop"]

_BATCH_SIZE: Final = 100
# For hooks and observers that still run when a stop is requested.
_LAST_CALLS_SECONDS: Final = 1.0


async def run_reaper_loop(
    ledger: Ledger,
    registry: JobRegistry,
    config: JobsConfig,
    stop: Stop,
    *,
    observers: Sequence[JobLifecycleObserver] = (),
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> RuntimeLoopExit:
    """
    Return jobs with expired leases to the queue until *stop* is requested.

    The first pass is made at once, the next ones every ``reaper_interval_seconds``,
    give or take a quarter; a pass goes on while there is more to do. Jobs of a
    registered type wait as its retry policy says; for the others it is
    ``reaper_retry_delay_ms``. Any number of processes may do this at once. A pass that
    is under way when the stop comes is finished. Errors of the database are logged and
    waited out.

    A dead letter whose type has a hook here is told to it, and what was reaped to the
    observers; a stop ends those that still run a moment later.

    So a job whose worker was killed runs again after the rest of its lease, one
    interval at the most, and its retry delay.

    Args:
        ledger: where the jobs are.
        registry: whose retry policies hold; it need not have every type.
        config: the settings, which are validated.
        stop: tells the loop to stop.
        observers: are told of what was reaped.
        task_status: told when the loop has begun.

    Raises:
        ConfigError: ``config.invalid_value``.
    """
    config.validate()
    policies = registry.retry_policies()
    async with trio.open_nursery() as nursery:
        lifecycle = Lifecycle(
            nursery,
            registry.copy(),
            observers,
            catches_interrupts=stop.catches_interrupts,
        )
        task_status.started()
        with stop.ending():
            while not stop.is_requested:
                if not await reap_once(ledger, policies, config, lifecycle):
                    await trio.sleep(spread(config.reaper_interval_seconds))
        with stop.patience(_LAST_CALLS_SECONDS):
            await lifecycle.wait_done()
        nursery.cancel_scope.cancel()
    return RuntimeLoopExit.SHUTDOWN


async def reap_once(
    ledger: Ledger,
    policies: Mapping[str, RetryDelay],
    config: JobsConfig,
    lifecycle: Lifecycle,
) -> bool:
    """Reap one batch; return whether there may be more."""
    delay_seconds = config.reaper_retry_delay_ms / 1000
    flat = RetryPolicy(
        base_seconds=delay_seconds, cap_seconds=delay_seconds, jitter=Jitter.NONE
    )
    try:
        report = await ledger.reap(
            limit=_BATCH_SIZE,
            retry=policies,
            default_retry=flat,
            timeout_seconds=config.database_timeout_seconds,
        )
    except RunledgerError as error:
        emit(
            LogEvent.REAP_FAILED,
            "no leases were reaped; %s",
            error.internal_message(),
            code=error.code,
        )
        return False
    if report.retried_count or report.dead_lettered_count:
        emit(
            LogEvent.LEASES_REAPED,
            "leases had expired: %d jobs returned to the queue, %d became dead letters",
            report.retried_count,
            report.dead_lettered_count,
            retried_count=report.retried_count,
            dead_lettered_count=report.dead_lettered_count,
        )
    if report.deferred_count:
        emit(
            LogEvent.LEASES_DEFERRED,
            "expired leases put off: %d",
            report.deferred_count,
            count=report.deferred_count,
        )
    for job in report.reaped:
        lifecycle.reaped(job)
    return report.has_more
