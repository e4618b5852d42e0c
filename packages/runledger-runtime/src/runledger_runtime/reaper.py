"""The reaper loop: take jobs back from workers that stopped renewing their leases."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from runledger_core import Jitter, RetryPolicy, RunledgerError

from ._loop_exit import RuntimeLoopExit
from ._ticks import spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runledger_core import RetryDelay

    from ._ledger import Ledger
    from ._stop import Stop
    from .config import JobsConfig
    from .registry import JobRegistry

__all__ = ["run_reaper_loop"]

_BATCH_SIZE: Final = 100
_logger = logging.getLogger("runledger_runtime")


async def run_reaper_loop(
    ledger: Ledger,
    registry: JobRegistry,
    config: JobsConfig,
    stop: Stop,
    *,
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

    So a job whose worker was killed runs again after the rest of its lease, one
    interval at the most, and its retry delay.

    Args:
        ledger: where the jobs are.
        registry: whose retry policies hold; it need not have every type.
        config: the settings, which are validated.
        stop: tells the loop to stop.
        task_status: told when the loop has begun.

    Raises:
        ConfigError: ``config.invalid_value``.
    """
    config.validate()
    policies = registry.retry_policies()
    task_status.started()
    with stop.ending():
        while not stop.is_requested:
            if not await reap_once(ledger, policies, config):
                await trio.sleep(spread(config.reaper_interval_seconds))
    return RuntimeLoopExit.SHUTDOWN


async def reap_once(
    ledger: Ledger, policies: Mapping[str, RetryDelay], config: JobsConfig
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
        _logger.warning("no leases were reaped; %s", error.internal_message())
        return False
    if report.retried_count or report.dead_lettered_count:
        _logger.warning(
            "leases had expired: %d jobs returned to the queue, %d became dead letters",
            report.retried_count,
            report.dead_lettered_count,
        )
    if report.deferred_count:
        _logger.error("expired leases put off: %d", report.deferred_count)
    return report.has_more
