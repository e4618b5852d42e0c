"""The supervisor: everything a worker process does, from its start to its end."""

from __future__ import annotations

from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import trio

from runledger_core import RunledgerError

from ._asyncio_host import AsyncioHost
from ._exit_code import ExitCode
from ._log_events import LogEvent, emit
from ._loop_exit import RuntimeLoopExit
from ._loops import LoopChoice
from ._postgres import ledger_over
from ._shutdown import LastResort, Patience, checked_timeout
from ._signals import can_watch_signals
from ._startup import Announcement
from ._stop import Stop
from ._supervision import Supervision
from ._vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from ._ledger import Ledger
    from ._postgres import Pool
    from .catalog import JobCatalog
    from .config import JobsConfig
    from .health import Health
    from .observers import JobLifecycleObserver
    from .registry import JobRegistry

__all__ = ["Supervisor"]


class Supervisor:
    """
    Run a worker process: check, start the loops, and stop in good order.

    At its start it checks the connection, the schema and that the installed
    distributions belong together, and stores the catalog's definitions and schedules.
    Then it works until somebody asks it to stop: no new claims, the jobs that run have
    ``shutdown_grace_seconds`` to end, then they are cancelled, and what was left undone
    returns to the queue when its leases expire. A supervisor runs once.

    A loop that fails, or that ends before it was asked to, ends the supervisor: the
    others stop in good order, and the error names the loop. A database that goes away
    is no such failure: every loop waits for it and goes on.

    Args:
        database: a blocking psycopg pool, which may be unopened, or a ledger of your
            own. With five connections no call waits for another.
        config: the settings; the default is ``JobsConfig.from_env()``.
        catalog: the job types and their schedules, which are stored at the start.
        registry: the handlers instead, for hosts that store definitions themselves.
        is_worker_enabled: whether it runs jobs; only then it needs handlers.
        is_reaper_enabled: whether it also takes jobs back from workers that are gone;
            at least one process of a fleet must. The retry policies of its handlers
            hold, if it has any.
        is_scheduler_enabled: whether it also fires schedules; several processes may,
            and there is one job a slot all the same.
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
        is_worker_enabled: bool = True,
        is_reaper_enabled: bool = True,
        is_scheduler_enabled: bool = True,
        observers: Sequence[JobLifecycleObserver] = (),
    ) -> None:
        if catalog is not None and registry is not None:
            raise TypeError("a supervisor takes a catalog or a registry, not both")
        self._ledger = ledger_over(database)
        self._stop = Stop()
        self._vitals = Vitals(self._stop)
        self._supervision = Supervision(
            self._ledger,
            config,
            catalog=catalog,
            registry=registry,
            choice=LoopChoice(
                is_worker_enabled=is_worker_enabled,
                is_reaper_enabled=is_reaper_enabled,
                is_scheduler_enabled=is_scheduler_enabled,
            ),
            observers=observers,
            stop=self._stop,
            vitals=self._vitals,
        )

    def request_shutdown(self, *, timeout_seconds: float | None = None) -> None:
        """
        Ask it to stop, from any thread, also before it runs.

        Args:
            timeout_seconds: how long that may take, from now on; then whatever still
                runs is cut short, and the run ends with ``runtime.shutdown_timeout``.
                0 waits for nothing. Without it the settings alone say how long. A
                repeat can only shorten the time.

        Raises:
            SupervisorError: ``runtime.shutdown_timeout_too_large``.
            ConfigError: ``config.invalid_value`` for a negative time.
        """
        self._stop.request(within_seconds=checked_timeout(timeout_seconds))

    @property
    def is_shutdown_requested(self) -> bool:
        """Whether somebody asked it to stop, or it stops by itself."""
        return self._stop.is_requested

    def health(self) -> Health:
        """Say how it fares; any thread may ask, it is cheap, and asks no database."""
        return self._vitals.read()

    def run(self, *, stop_when_idle: bool = False) -> ExitCode:
        """
        Run in this thread until it ends, and say how: for a script's ``sys.exit``.

        In the main thread SIGINT and SIGTERM ask it to stop, and a second one to stop
        at once. What keeps it from starting is logged in one line, without a traceback.

        A handler that swallows its cancellation, or keeps trio from turning, cannot
        hold up the end of the process: in the main thread, the process then leaves
        with `ExitCode.INTERRUPTED` by itself and without returning from here, a few
        seconds after everything else has ended.

        Args:
            stop_when_idle: also stop as soon as no job is due and none runs, for
                scripts and tests; see `run_worker_loop`.

        Raises:
            SupervisorError: ``runtime.already_running`` when it is run again.
        """
        self._supervision.begin()
        self._stop.catches_interrupts = can_watch_signals()
        run = partial(
            self._supervision.run,
            stop_when_idle=stop_when_idle,
            task_status=trio.TASK_STATUS_IGNORED,
        )
        try:
            config = self._supervision.settings()
            with self._last_resort(config):
                loop_exit = trio.run(run, config)
        except RunledgerError as error:
            emit(
                LogEvent.SUPERVISOR_FAILED,
                "%s",
                error.internal_message(),
                code=error.code,
            )
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
        expiry of its lease. Either way it returns after its last handler: in trio
        nothing outlives its nursery, and one that swallows its cancellation is logged
        and waited for.

        Args:
            stop_when_idle: as for `run`.
            task_status: told when the start-up checks have passed and work begins, for
                ``await nursery.start(supervisor.run_async)``.

        Raises:
            ConfigError: ``config.invalid_value``.
            RunledgerError: what the checks of database and schema found.
            SupervisorError: ``runtime.missing_catalog`` if the worker has no handler;
                ``runtime.task_failed`` naming the loop, with the failure as its cause;
                ``runtime.shutdown_timeout`` if its end was cut short, with the failure
                of a loop as its cause if there was one; ``runtime.already_running``
                when it is run again.
        """
        self._supervision.begin()
        return await self._supervision.run(
            self._supervision.settings(),
            stop_when_idle=stop_when_idle,
            task_status=task_status,
        )

    @asynccontextmanager
    async def running(
        self, *, shutdown_timeout_seconds: float | None = None
    ) -> AsyncIterator[Supervisor]:
        """
        Run beside the body of an ``async with`` in a trio program.

        The body begins when the start-up checks have passed. When it ends, so does the
        supervisor, in good order, also after an exception. When the supervisor fails
        first, the body is cancelled and the error is raised; when it merely ends, the
        body goes on.

        Args:
            shutdown_timeout_seconds: how long its end may take, as for
                `request_shutdown`.

        Raises:
            RunledgerError: as from `run_async`; an exception of the body comes first.
        """
        checked_timeout(shutdown_timeout_seconds)
        self._supervision.begin()
        config = self._supervision.settings()
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            body = trio.CancelScope()
            has_begun = trio.Event()
            nursery.start_soon(self._run_beside, config, body, has_begun)
            await has_begun.wait()
            if self._supervision.error is None:
                with body:
                    try:
                        yield self
                    except Exception as error:  # noqa: BLE001 - raised below
                        failure = error
                self.request_shutdown(timeout_seconds=shutdown_timeout_seconds)
        if failure is not None:
            raise failure
        if self._supervision.error is not None:
            raise self._supervision.error

    async def run_until_shutdown(
        self,
        wait: Callable[[], Awaitable[object]],
        *,
        timeout_seconds: float | None = None,
    ) -> RuntimeLoopExit:
        """
        Run until *wait* returns, and then stop in good order.

        A request to shut down from elsewhere ends it too, and cancels *wait*, as does
        a loop that fails. What *wait* raises is raised after the end.

        Args:
            wait: returns when the time has come.
            timeout_seconds: how long the end may take, as for `request_shutdown`.

        Raises:
            RunledgerError: as from `run_async`.
        """
        async with self.running(shutdown_timeout_seconds=timeout_seconds):
            with self._stop.ending():
                await wait()
        return self._supervision.loop_exit

    async def shutdown(self, *, timeout_seconds: float | None = None) -> None:
        """
        Ask it to stop, and wait until it has, in the trio run that it is part of.

        Args:
            timeout_seconds: how long that may take, as for `request_shutdown`.

        Raises:
            RunledgerError: with what the run ended, as it is also raised there.
        """
        self.request_shutdown(timeout_seconds=timeout_seconds)
        if self._supervision.has_begun:
            await self._supervision.ended.wait()
        if self._supervision.error is not None:
            raise self._supervision.error

    async def shutdown_with_timeout(self, seconds: float) -> None:
        """Ask it to stop within this time: `shutdown` with a time that must be said."""
        await self.shutdown(timeout_seconds=seconds)

    def in_asyncio(
        self, *, shutdown_timeout_seconds: float | None = None
    ) -> AsyncioHost:
        """
        Run beside an asyncio application, in a thread of its own.

        ``async with supervisor.in_asyncio():`` in the running loop, or ``start()`` and
        ``stop()`` of what this returns. Handlers marked with `asyncio_handler` run in
        that loop.

        Args:
            shutdown_timeout_seconds: how long its end may take, as for
                `request_shutdown`.

        Raises:
            SupervisorError: ``runtime.shutdown_timeout_too_large``.
            ConfigError: ``config.invalid_value`` for a negative time.
        """
        checked_timeout(shutdown_timeout_seconds)
        return AsyncioHost(
            self._supervision,
            self._stop,
            self._vitals,
            shutdown_timeout_seconds=shutdown_timeout_seconds,
        )

    async def _run_beside(
        self, config: JobsConfig, body: trio.CancelScope, has_begun: trio.Event
    ) -> None:
        """Run to the end, and leave the error to whoever ends the nursery."""
        try:
            await self._supervision.run(
                config, stop_when_idle=False, task_status=Announcement(has_begun.set)
            )
        except RunledgerError:
            body.cancel()
        finally:
            has_begun.set()

    def _last_resort(self, config: JobsConfig) -> AbstractContextManager[None]:
        """Watch over the end of the process, where it is the supervisor's own."""
        if not self._stop.catches_interrupts:
            return nullcontext()
        patience = Patience(self._stop, self._vitals, config)
        return LastResort(self._stop, patience)

    def _exit_code(self, error: RunledgerError) -> ExitCode:
        if error.code == "runtime.task_failed":
            return ExitCode.FAILED
        if error.code == "runtime.shutdown_timeout":
            is_late_only = error.__cause__ is None
            return ExitCode.INTERRUPTED if is_late_only else ExitCode.FAILED
        if self._ledger.is_transient(error):
            return ExitCode.UNAVAILABLE
        return ExitCode.MISCONFIGURED
