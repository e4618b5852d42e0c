"""Run a supervisor beside an asyncio application: in a thread with its own trio run."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Self

import trio

from runledger_core import RunledgerError

from ._asyncio_loop import use_asyncio_loop
from ._log_events import LogEvent, emit
from ._shutdown import Patience, checked_timeout
from ._startup import Announcement
from .errors import SupervisorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ._loop_exit import RuntimeLoopExit
    from ._stop import Stop
    from ._supervision import Supervision
    from ._vitals import Vitals
    from .config import JobsConfig

__all__ = ["AsyncioHost"]


class AsyncioHost:
    """
    Run a supervisor beside an asyncio application, in a thread with its own trio run.

    Made by `Supervisor.in_asyncio`, for one run. As an ``async with`` block it starts
    the supervisor, and stops it in good order when the block is left, however that
    happens. When the supervisor fails first, the block is cancelled and its error is
    raised instead, as from a task group; when it merely ends, the block goes on.
    Frameworks that have two hooks call `start` and `stop`.

    Whoever waits here and is cancelled waits no longer: the supervisor then stops
    without waiting for its jobs, and its thread ends by itself.
    """

    def __init__(
        self,
        supervision: Supervision,
        stop: Stop,
        vitals: Vitals,
        *,
        shutdown_timeout_seconds: float | None,
    ) -> None:
        self._supervision = supervision
        self._stop = stop
        self._vitals = vitals
        self._timeout_seconds = shutdown_timeout_seconds
        self._patience: Patience | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._change = asyncio.Event()
        self._is_started = False
        self._is_ended = False
        self._error: BaseException | None = None
        self._body: asyncio.Task[object] | None = None
        self._has_cancelled_body = False
        self._cancel_requests_before = 0

    async def start(self) -> None:
        """
        Start it, and return when the start-up checks have passed and work begins.

        Raises:
            RunledgerError: as from `Supervisor.run_async`.
        """
        self._supervision.begin()
        config = self._supervision.settings()
        self._patience = Patience(self._stop, self._vitals, config)
        self._loop = asyncio.get_running_loop()
        self._stop.add_listener(self._note_request)
        # The handlers see the context variables of whoever starts this.
        run = partial(copy_context().run, self._run, config)
        self._thread = threading.Thread(
            target=run, name="runledger supervisor", daemon=True
        )
        self._thread.start()
        try:
            while not (self._is_started or self._is_ended):
                await self._next_change()
        except asyncio.CancelledError:
            self._stop.request_urgently()
            raise
        if self._error is not None:
            raise self._error

    async def stop(self) -> RuntimeLoopExit:
        """
        Ask it to stop, and wait until it has; a repeat changes nothing.

        Raises:
            RunledgerError: as from `Supervisor.run_async`. Unlike there,
                ``runtime.shutdown_timeout`` leaves a thread behind if one of its
                handlers swallows its cancellation.
        """
        self._stop.request(within_seconds=checked_timeout(self._timeout_seconds))
        try:
            return await self.wait()
        except asyncio.CancelledError:
            self._stop.request_urgently()
            raise

    async def wait(self) -> RuntimeLoopExit:
        """
        Wait until it has ended, which it does when it was asked to, or has failed.

        Raises:
            RunledgerError: as from `stop`.
        """
        while self._patience is not None and not self._is_ended:
            if self._patience.seconds_left() <= 0:
                detail = "a handler does not let itself be ended: its thread is left"
                raise SupervisorError("runtime.shutdown_timeout", detail)
            await self._next_change(self._patience.nap_seconds())
        if self._error is not None:
            raise self._error
        return self._supervision.loop_exit

    async def __aenter__(self) -> Self:
        await self.start()
        self._body = asyncio.current_task()
        if self._body is not None:
            self._cancel_requests_before = self._body.cancelling()
        if self._error is not None:  # it failed while this task was about to go on
            raise self._error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        is_body_done = error is None or self._is_own_cancellation(error)
        self._body = None
        try:
            await self.stop()
        except RunledgerError as failure:
            if is_body_done:
                raise
            emit(
                LogEvent.SUPERVISOR_FAILED,
                "it failed as well; %s",
                failure.internal_message(),
                code=failure.code,
            )

    def _is_own_cancellation(self, error: BaseException) -> bool:
        """Tell whether the block was cancelled because of us, and nobody else."""
        if self._body is None or not self._has_cancelled_body:
            return False
        remaining = self._body.uncancel()
        is_cancelled = isinstance(error, asyncio.CancelledError)
        return is_cancelled and remaining <= self._cancel_requests_before

    def _run(self, config: JobsConfig) -> None:
        """Be the thread."""
        error: BaseException | None = None
        try:
            trio.run(self._supervise, config)
        except BaseException as raised:  # noqa: BLE001 - it surfaces in asyncio
            error = raised
        self._tell(self._note_end, error)

    async def _supervise(self, config: JobsConfig) -> None:
        if self._loop is not None:
            use_asyncio_loop(self._loop)
        await self._supervision.run(
            config,
            stop_when_idle=False,
            task_status=Announcement(partial(self._tell, self._note_start)),
        )

    def _tell(self, note: Callable[..., None], *arguments: object) -> None:
        """Let asyncio take note; whether it is still there is its own affair."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(note, *arguments)

    def _note_request(self) -> None:
        self._tell(self._note_change)

    def _note_start(self) -> None:
        self._is_started = True
        self._note_change()

    def _note_end(self, error: BaseException | None) -> None:
        self._is_ended = True
        self._error = error
        if self._thread is not None:
            self._thread.join()  # this was the last thing that it did
        if error is not None and self._body is not None:
            self._has_cancelled_body = True
            self._body.cancel()
        self._note_change()

    def _note_change(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    async def _next_change(self, within_seconds: float | None = None) -> None:
        change = self._change
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await change.wait()
