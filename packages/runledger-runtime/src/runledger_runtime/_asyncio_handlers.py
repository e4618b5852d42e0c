"""Run handlers that were written for asyncio, in an asyncio loop, for the worker."""

from __future__ import annotations

import asyncio
import inspect
import threading
from contextlib import suppress
from contextvars import Context, copy_context
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar

import trio

from runledger_core import JobFailure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["asyncio_handler"]

_END_SECONDS: Final = 5.0
# Each trio run has its own: the host's loop, or a private one.
_loop_of_run: trio.lowlevel.RunVar[asyncio.AbstractEventLoop] = trio.lowlevel.RunVar(
    "runledger_asyncio_loop"
)


def asyncio_handler(
    function: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """
    Let asyncio run a handler whose libraries need it: put it under ``@catalog.job``.

    Beside an asyncio application (`Supervisor.in_asyncio`) the handler runs in the
    application's own loop, and may use its pools and clients; elsewhere in a loop that
    the worker starts in a thread of its own when the first such job comes. Each job is
    an asyncio task. Time-out, lost lease and shutdown cancel it, and its end is waited
    for, as with any other handler; of the context, everything may be used.

    Called from asyncio, as in a test of the handler, it is the plain function.

    Args:
        function: an ``async def``, or the method ``execute`` of a class.

    Raises:
        TypeError: it is no ``async def``.
    """
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"asyncio_handler takes an async def, not {function!r}")

    @wraps(function)
    async def run_in_asyncio(*args: P.args, **kwargs: P.kwargs) -> T:
        if not trio.lowlevel.in_trio_task():
            return await function(*args, **kwargs)
        call: _Call[T] = _Call(lambda: function(*args, **kwargs))
        return await call.run()

    return run_in_asyncio


def use_asyncio_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Let the asyncio handlers of this trio run be run in *loop*."""
    _loop_of_run.set(loop)


class _Call(Generic[T]):
    """One coroutine that runs in asyncio while a trio task waits for it."""

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self._function = function
        self._token = trio.lowlevel.current_trio_token()
        self._context: Context = copy_context()
        self._loop = _asyncio_loop()
        self._task: asyncio.Task[None] | None = None
        self._ended = trio.Event()
        self._results: list[T] = []
        self._error: BaseException | None = None

    async def run(self) -> T:
        """Begin it, wait for its end, and cancel it when the waiting is cancelled."""
        self._loop.call_soon_threadsafe(self._begin)
        try:
            await self._ended.wait()
        except trio.Cancelled:
            self._loop.call_soon_threadsafe(self._cancel)
            with trio.CancelScope(shield=True):
                await self._ended.wait()
            if isinstance(self._error, asyncio.CancelledError):
                raise
        if isinstance(self._error, asyncio.CancelledError):
            # Not by us: the application ends its loop, or cancels all of its tasks.
            detail = "its asyncio task was cancelled"
            raise JobFailure.retryable("job.handler_exception", detail)
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _begin(self) -> None:
        # The loop's thread runs this, and the next two.
        self._task = self._loop.create_task(
            self._run_guarded(), name="runledger handler", context=self._context
        )

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run_guarded(self) -> None:
        # A SystemExit that leaves a task would end the application's loop.
        try:
            self._results.append(await self._function())
        except BaseException as error:
            self._error = error
            if isinstance(error, KeyboardInterrupt):
                raise
        finally:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._ended.set)


def _asyncio_loop() -> asyncio.AbstractEventLoop:
    """Return the loop for the handlers of this trio run; start one if there is none."""
    try:
        return _loop_of_run.get()
    except LookupError:
        pass
    try:
        # Trio runs as a guest of this very loop.
        loop = asyncio.get_running_loop()
    except RuntimeError:
        private = _PrivateLoop()
        loop = private.loop
        trio.lowlevel.spawn_system_task(private.keep, name="runledger asyncio loop")
    use_asyncio_loop(loop)
    return loop


class _PrivateLoop:
    """An asyncio loop in a thread of its own, as long as the trio run lasts."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, name="runledger asyncio", daemon=True
        )
        self._thread.start()

    async def keep(self) -> None:
        """End the loop when everything else of the trio run has ended."""
        try:
            await trio.sleep_forever()
        finally:
            self.loop.call_soon_threadsafe(self._end.set)
            self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._wait())

    async def _wait(self) -> None:
        await self._end.wait()
