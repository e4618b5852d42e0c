"""Choose the loops of a supervisor: which run, under which name, and how."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from .maintenance import run_maintenance_loop
from .reaper import run_reaper_loop
from .scheduler import run_scheduler_loop
from .worker import run_worker_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ._ledger import Ledger
    from ._loop_exit import RuntimeLoopExit
    from ._stop import Stop
    from ._vitals import Vitals
    from .config import JobsConfig
    from .observers import JobLifecycleObserver
    from .registry import JobRegistry


@attrs.frozen(kw_only=True)
class LoopChoice:
    """Say which loops a supervisor runs."""

    is_worker_enabled: bool
    is_reaper_enabled: bool
    is_scheduler_enabled: bool


@attrs.frozen
class Loop:
    """
    Be one loop of a supervisor.

    Args:
        name: its task, as it stands in logs, errors and `Health`.
        run: runs it, until it was asked to stop.
        may_complete: whether it may also end because nothing is left to do.
    """

    name: str
    run: Callable[[], Awaitable[RuntimeLoopExit]]
    may_complete: bool = False


def chosen_loops(
    choice: LoopChoice,
    ledger: Ledger,
    registry: JobRegistry,
    config: JobsConfig,
    *,
    observers: Sequence[JobLifecycleObserver],
    stop: Stop,
    vitals: Vitals,
    stop_when_idle: bool,
) -> list[Loop]:
    """Return the loops that were chosen, each with a ledger that notes how it fares."""

    def made(
        name: str, run: Callable[..., Awaitable[RuntimeLoopExit]], *needs: object
    ) -> Loop:
        watched = vitals.watched(ledger, name)
        return Loop(name, partial(run, watched, *needs, config, stop))

    loops = []
    if choice.is_worker_enabled:
        run = partial(
            run_worker_loop,
            observers=observers,
            stop_when_idle=stop_when_idle,
            vitals=vitals,
        )
        worker = made("worker", run, registry)
        loops.append(attrs.evolve(worker, may_complete=stop_when_idle))
    if choice.is_reaper_enabled:
        reap = partial(run_reaper_loop, observers=observers)
        loops.append(made("reaper", reap, registry))
    if choice.is_scheduler_enabled:
        loops.append(made("scheduler", run_scheduler_loop))
    if config.maintenance_interval_seconds:
        loops.append(made("maintenance", run_maintenance_loop))
    return loops
