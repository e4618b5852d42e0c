"""One run of a supervisor: its start, its tasks under one nursery, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from runledger_core import RunledgerError

from ._log_events import LogEvent, emit
from ._loop_exit import RuntimeLoopExit
from ._loops import chosen_loops
from ._shutdown import ABORT_SECONDS
from ._signals import watch_signals
from ._startup import meet_database, registry_of
from .config import JobsConfig
from .errors import SupervisorError
from .scheduler import fire_what_is_due

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._ledger import Ledger
    from ._loops import Loop, LoopChoice
    from ._stop import Stop
    from ._vitals import Vitals
    from .catalog import JobCatalog
    from .observers import JobLifecycleObserver
    from .registry import JobRegistry


class Supervision:
    """
    Run the loops of a supervisor, once, and remember how that ended.

    Args:
        ledger: where the jobs are; it is closed at the end.
        config: the settings; None reads them from the environment at the start.
        catalog: the job types.
        registry: the handlers instead.
        choice: which loops run.
        observers: are told of what becomes of jobs.
        stop: tells them to stop.
        vitals: takes note of how they fare.
    """

    def __init__(
        self,
        ledger: Ledger,
        config: JobsConfig | None,
        *,
        catalog: JobCatalog | None,
        registry: JobRegistry | None,
        choice: LoopChoice,
        observers: Sequence[JobLifecycleObserver],
        stop: Stop,
        vitals: Vitals,
    ) -> None:
        self._ledger = ledger
        self._given_config = config
        self._catalog = catalog
        self._registry = registry
        self._choice = choice
        self._observers = tuple(observers)
        self._stop = stop
        self._vitals = vitals
        self._failures: list[SupervisorError] = []
        self._exits: list[RuntimeLoopExit] = []
        self.has_begun: bool = False
        self.ended: trio.Event = trio.Event()
        self.error: RunledgerError | None = None

    @property
    def loop_exit(self) -> RuntimeLoopExit:
        """How its loops ended: the exit that says most."""
        for each in (RuntimeLoopExit.INTERRUPTED, RuntimeLoopExit.COMPLETED):
            if each in self._exits:
                return each
        return RuntimeLoopExit.SHUTDOWN

    def begin(self) -> None:
        """
        Begin the one run.

        Raises:
            SupervisorError: ``runtime.already_running``.
        """
        if self.has_begun:
            raise SupervisorError("runtime.already_running")
        self.has_begun = True

    def settings(self) -> JobsConfig:
        """
        Return the settings of the run that has begun.

        Raises:
            ConfigError: ``config.invalid_value``.
        """
        try:
            given = self._given_config
            config = JobsConfig.from_env() if given is None else given
            config.validate()
        except RunledgerError as error:
            self._end(error)
            raise
        self._vitals.lease_ttl_seconds = config.lease_ttl_seconds
        return config

    async def run(
        self,
        config: JobsConfig,
        *,
        stop_when_idle: bool,
        task_status: trio.TaskStatus[None],
    ) -> RuntimeLoopExit:
        """
        Run from the checks to the end of the last task.

        Raises:
            RunledgerError: what `Supervisor.run_async` lists.
        """
        # Errors are carried past the nursery by hand: it would wrap them in a group.
        error: RunledgerError | None = None
        try:
            async with trio.open_nursery() as nursery:
                if self._stop.catches_interrupts:
                    await nursery.start(watch_signals, self._stop)
                nursery.start_soon(self._vitals.pulse)
                try:
                    error = await self._run_limited(
                        nursery, config, stop_when_idle, task_status
                    )
                finally:
                    await self._ledger.aclose()
                nursery.cancel_scope.cancel()
        finally:
            self._end(error)
        if error is not None:
            raise error
        emit(
            LogEvent.SUPERVISOR_ENDED,
            "%s ended: %s",
            config.worker_id,
            self.loop_exit.value,
            exit=self.loop_exit.value,
        )
        return self.loop_exit

    def _end(self, error: RunledgerError | None) -> None:
        self.error = error
        self._vitals.end()
        self.ended.set()

    async def _run_limited(
        self,
        nursery: trio.Nursery,
        config: JobsConfig,
        stop_when_idle: bool,
        task_status: trio.TaskStatus[None],
    ) -> RunledgerError | None:
        """Start and work, until all is done or the time for the shutdown is over."""
        with trio.CancelScope() as tasks:
            nursery.start_soon(self._cut_short, tasks)
            try:
                await self._work(config, stop_when_idle, task_status)
            except RunledgerError as error:
                return error
        first = self._failures[0] if self._failures else None
        if not tasks.cancelled_caught:
            return first
        late = SupervisorError(
            "runtime.shutdown_timeout", None if first is None else f"after: {first}"
        )
        late.__cause__ = first
        return late

    async def _cut_short(self, tasks: trio.CancelScope) -> None:
        """Cancel the tasks when the time that was allowed for the stop is over."""
        await self._stop.wait_overdue()
        emit(
            LogEvent.SHUTDOWN_OVERDUE,
            "the time for the shutdown is over: what still runs is cancelled",
        )
        tasks.cancel()
        # A call that is under way may yet be answered, but not much later.
        await trio.sleep(ABORT_SECONDS)
        self._ledger.abandon_calls()

    async def _work(
        self,
        config: JobsConfig,
        stop_when_idle: bool,
        task_status: trio.TaskStatus[None],
    ) -> None:
        registry = registry_of(
            self._catalog, self._registry, is_needed=self._choice.is_worker_enabled
        )
        ledger = self._vitals.watched(self._ledger)
        has_met = await meet_database(ledger, self._catalog, config, self._stop)
        if not has_met:
            task_status.started()
            return
        if stop_when_idle and self._choice.is_scheduler_enabled:
            # The worker must not find that there is nothing to do before this was done.
            await fire_what_is_due(ledger, config)
        loops = chosen_loops(
            self._choice,
            self._ledger,
            registry,
            config,
            observers=self._observers,
            stop=self._stop,
            vitals=self._vitals,
            stop_when_idle=stop_when_idle,
        )
        async with trio.open_nursery() as nursery:
            for loop in loops:
                nursery.start_soon(self._run_loop, loop, name=f"runledger {loop.name}")
            self._vitals.begin()
            task_status.started()
            names = [loop.name for loop in loops]
            emit(
                LogEvent.SUPERVISOR_STARTED,
                "%s runs %s; jobs of %d types",
                config.worker_id,
                ", ".join(names) or "no loop",
                len(registry.registered_types),
                loops=names,
            )
            await self._stop.wait_requested()

    async def _run_loop(self, loop: Loop) -> None:
        """Run one loop; when it ends, for whatever reason, the others end too."""
        try:
            self._exits.append(await loop.run())
        except Exception as error:  # noqa: BLE001 - it is passed on
            self._fail(loop, "the %s failed", error)
        else:
            if not (loop.may_complete or self._stop.is_requested):
                self._fail(loop, "the %s ended by itself", None)
        self._stop.request()

    def _fail(self, loop: Loop, message: str, cause: Exception | None) -> None:
        emit(LogEvent.LOOP_FAILED, message, loop.name, error=cause, loop=loop.name)
        failure = SupervisorError("runtime.task_failed", message % loop.name)
        failure.__cause__ = cause
        self._failures.append(failure)
