"""The supervisor: everything a worker process does, from its start to its end."""

from __future__ import annotations

import logging
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING

import trio

from runledger_core import RunledgerError

from ._loop_exit import RuntimeLoopExit
from ._postgres import ledger_over
from ._signals import can_watch_signals, watch_signals
from ._stop import Stop
from .config import JobsConfig
from .errors import SupervisorError
from .reaper import run_reaper_loop
from .worker import run_worker_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from runledger_core import JobDefinition

    from ._ledger import Ledger
    from ._postgres import Pool
    from .catalog import JobCatalog
    from .observers import JobLifecycleObserver
    from .registry import JobRegistry

__all__ = ["ExitCode", "Supervisor"]

_logger = logging.getLogger("runledger_runtime")


class ExitCode(IntEnum):
    """
    Tell a process manager how a worker process ended.

    The numbers are those of sysexits.h, so systemd's ``RestartPreventExitStatus=78``
    stops restarts that cannot help.
    """

    OK = 0
    """It was asked to stop, or had nothing left to do, and left nothing behind."""
    UNAVAILABLE = 69
    """It could not start: the database did not answer."""
    FAILED = 70
    """A task of it failed in a way that it did not expect."""
    INTERRUPTED = 75
    """It was asked to stop and could not wait for its jobs: their leases expire."""
    MISCONFIGURED = 78
    """It could not start: settings, schema and installation do not fit."""


class Supervisor:
    """
    Run a worker process: check, start the loops, and stop in good order.

    At its start it checks the connection, the schema and that the installed
    distributions belong together, and stores the catalog's definitions. Then it works
    until somebody asks it to stop: no new claims, the jobs that run have
    ``shutdown_grace_seconds`` to end, then they are cancelled, and what was left undone
    returns to the queue when its leases expire. A supervisor runs once.

    Args:
        database: a blocking psycopg pool, which may be unopened, or a ledger of your
            own. With five connections no call waits for another.
        config: the settings; the default is ``JobsConfig.from_env()``.
        catalog: the job types, whose definitions are stored at the start.
        registry: the handlers instead, for hosts that store definitions themselves.
        is_reaper_enabled: whether it also takes jobs back from workers that are gone;
            at least one process of a fleet must.
        observers: are told of what becomes of jobs; see `JobLifecycleObserver`.

    Raises:
        TypeError: *database* is neither a pool nor a ledger, or there is a registry
            beside the catalog.
    """

    def __init__(
        self,
        database: Pool | Ledger,
        config: JobsConfig | None = None,
        *,
        catalog: JobCatalog | None = None,
        registry: JobRegistry | None = None,
        is_reaper_enabled: bool = True,
        observers: Sequence[JobLifecycleObserver] = (),
    ) -> None:
        if catalog is not None and registry is not None:
            raise TypeError("a supervisor takes a catalog or a registry, not both")
        self._ledger = ledger_over(database)
        self._config = config
        self._catalog = catalog
        self._registry = registry
        self._is_reaper_enabled = is_reaper_enabled
        self._observers = tuple(observers)
        self._stop = Stop()
        self._has_run = False
        self._failures: list[SupervisorError] = []
        self._exits: list[RuntimeLoopExit] = []

    def request_shutdown(self) -> None:
        """Ask it to stop, from any thread, also before it runs."""
        self._stop.request()

    @property
    def is_shutdown_requested(self) -> bool:
        """Whether somebody asked it to stop, or it stops by itself."""
        return self._stop.is_requested

    def run(self, *, stop_when_idle: bool = False) -> ExitCode:
        """
        Run in this thread until it ends, and say how: for a script's ``sys.exit``.

        In the main thread SIGINT and SIGTERM ask it to stop, and a second one to stop
        at once. What keeps it from starting is logged in one line, without a traceback.

        Args:
            stop_when_idle: also stop as soon as no job is due and none runs, for
                scripts and tests; see `run_worker_loop`.

        Raises:
            SupervisorError: ``runtime.already_running`` when it is run again.
        """
        self._begin()
        self._stop.catches_interrupts = can_watch_signals()
        try:
            loop_exit = trio.run(
                self._supervise, stop_when_idle, trio.TASK_STATUS_IGNORED
            )
        except RunledgerError as error:
            _logger.critical("%s", error.internal_message())
            return self._exit_code(error)
        is_interrupted = loop_exit is RuntimeLoopExit.INTERRUPTED
        return ExitCode.INTERRUPTED if is_interrupted else ExitCode.OK

    async def run_async(
        self,
        *,
        stop_when_idle: bool = False,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> RuntimeLoopExit:
        """
        Run inside a trio program until it ends.

        Signals are the program's own affair: it calls `request_shutdown`. Cancelling
        this call instead waits for nothing, and leaves every job that runs to the
        expiry of its lease.

        Args:
            stop_when_idle: as for `run`.
            task_status: told when the start-up checks have passed and work begins, for
                ``await nursery.start(supervisor.run_async)``.

        Raises:
            ConfigError: ``config.invalid_value``.
            RunledgerError: what the checks of database and schema found.
            SupervisorError: ``runtime.missing_catalog`` if there is no handler;
                ``runtime.task_failed`` with the failure as its cause;
                ``runtime.already_running`` when it is run again.
        """
        self._begin()
        return await self._supervise(stop_when_idle, task_status)

    def _begin(self) -> None:
        if self._has_run:
            raise SupervisorError("runtime.already_running")
        self._has_run = True

    async def _supervise(
        self, stop_when_idle: bool, task_status: trio.TaskStatus[None]
    ) -> RuntimeLoopExit:
        # Errors are carried past the nursery by hand: it would wrap them in a group.
        error: RunledgerError | None = None
        async with trio.open_nursery() as nursery:
            if self._stop.catches_interrupts:
                await nursery.start(watch_signals, self._stop)
            try:
                await self._work(stop_when_idle, task_status)
            except RunledgerError as raised:
                error = raised
            finally:
                await self._ledger.aclose()
            nursery.cancel_scope.cancel()
        if error is not None:
            raise error
        return _combined(self._exits)

    async def _work(
        self, stop_when_idle: bool, task_status: trio.TaskStatus[None]
    ) -> None:
        config = JobsConfig.from_env() if self._config is None else self._config
        config.validate()
        registry, definitions = self._handlers_and_definitions()
        seconds = config.database_timeout_seconds
        await self._ledger.check(timeout_seconds=seconds)
        await self._ledger.sync_definitions(definitions, timeout_seconds=seconds)
        worker = partial(
            run_worker_loop,
            self._ledger,
            registry,
            config,
            self._stop,
            stop_when_idle=stop_when_idle,
            observers=self._observers,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run_task, "worker", worker, name="worker")
            if self._is_reaper_enabled:
                reaper = partial(
                    run_reaper_loop,
                    self._ledger,
                    registry,
                    config,
                    self._stop,
                    observers=self._observers,
                )
                nursery.start_soon(self._run_task, "reaper", reaper, name="reaper")
            task_status.started()
            _logger.info(
                "%s runs jobs of %d types",
                config.worker_id,
                len(registry.registered_types),
            )
        if self._failures:
            raise self._failures[0]
        _logger.info("%s ended: %s", config.worker_id, _combined(self._exits).value)

    async def _run_task(
        self, name: str, loop: Callable[[], Awaitable[RuntimeLoopExit]]
    ) -> None:
        """Run one loop; when it ends, for whatever reason, the others end too."""
        try:
            self._exits.append(await loop())
        except Exception as error:
            _logger.exception("the %s failed", name)
            failure = SupervisorError("runtime.task_failed", name)
            failure.__cause__ = error
            self._failures.append(failure)
        self._stop.request()

    def _handlers_and_definitions(
        self,
    ) -> tuple[JobRegistry, Sequence[JobDefinition]]:
        definitions: Sequence[JobDefinition] = ()
        registry = self._registry
        if self._catalog is not None:
            definitions = self._catalog.definitions()
            registry = self._catalog.to_registry()
        if registry is None:
            raise SupervisorError("runtime.missing_catalog")
        if not registry.registered_types:
            raise SupervisorError("runtime.missing_catalog", "it has no handlers")
        return registry, definitions

    def _exit_code(self, error: RunledgerError) -> ExitCode:
        if error.code == "runtime.task_failed":
            return ExitCode.FAILED
        if self._ledger.is_transient(error):
            return ExitCode.UNAVAILABLE
        return ExitCode.MISCONFIGURED


def _combined(exits: Sequence[RuntimeLoopExit]) -> RuntimeLoopExit:
    """Return the exit that says most."""
    for each in (RuntimeLoopExit.INTERRUPTED, RuntimeLoopExit.COMPLETED):
        if each in exits:
            return each
    return RuntimeLoopExit.SHUTDOWN
