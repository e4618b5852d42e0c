"""Run handlers that were written for asyncio, in an asyncio loop, for the worker."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

import attrs
import trio

from runledger_core import JobFailure

from ._asyncio_loop import asyncio_loop
from ._context import JobContext
from ._handler_services import BridgedServices

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["asyncio_handler"]


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
        call: _Call[T] = _Call(partial(function, **kwargs), *args)
        return await call.run()

    return run_in_asyncio


class _Call(Generic[T]):
    """
    One coroutine that runs in asyncio while a trio task waits for it.

    The trio task also does what the coroutine can only have done in trio: so that is
    done under the job's own scope, and in its context.
    """

    def __init__(self, function: Callable[..., Awaitable[T]], *args: Any) -> None:
        self._function = function
        self._args = [self._bridged(each) for each in args]
        self._token = trio.lowlevel.current_trio_token()
        self._context: Context = copy_context()
        self._loop = asyncio_loop()
        self._task: asyncio.Task[None] | None = None
        self._requests: deque[_Request] = deque()
        self._change = trio.Event()
        self._is_ended = False
        self._results: list[T] = []
        self._error: BaseException | None = None

    async def run(self) -> T:
        """Begin it, wait for its end, and cancel it when the waiting is cancelled."""
        self._loop.call_soon_threadsafe(self._begin)
        try:
            await self._serve()
        except trio.Cancelled:
            self._loop.call_soon_threadsafe(self._cancel)
            with trio.CancelScope(shield=True):
                await self._serve()
            if isinstance(self._error, asyncio.CancelledError):
                raise
        if isinstance(self._error, asyncio.CancelledError):
            # Not by us: the application ends its loop, or cancels all of its tasks.
            detail = "its asyncio task was cancelled"
            raise JobFailure.retryable("job.handler_exception", detail)
        if self._error is not None:
            raise self._error
        return self._results[0]

    async def ask(self, function: Callable[[], Awaitable[None]]) -> None:
        """Have something done in trio; asyncio's side waits for it."""
        request = _Request(function)
        self._token.run_sync_soon(self._accept, request)
        await request.answer

    def _bridged(self, argument: Any) -> Any:
        if isinstance(argument, JobContext):
            services = BridgedServices(argument._services, self.ask)  # noqa: SLF001
            return attrs.evolve(argument, services=services)
        return argument

    async def _serve(self) -> None:
        while not self._is_ended:
            await self._change.wait()
            self._change = trio.Event()
            while self._requests:
                await self._requests.popleft().run()

    def _accept(self, request: _Request) -> None:
        self._requests.append(request)
        self._change.set()

    def _end(self) -> None:
        self._is_ended = True
        self._change.set()

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
            self._results.append(await self._function(*self._args))
        except BaseException as error:
            self._error = error
            if isinstance(error, KeyboardInterrupt):
                raise
        finally:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._end)


class _Request:
    """Something to be done in trio, made and awaited in asyncio."""

    def __init__(self, function: Callable[[], Awaitable[None]]) -> None:
        self._function = function
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[None] = self._loop.create_future()

    async def run(self) -> None:
        """Do it, and pass on how it ended."""
        error: BaseException | None = None
        try:
            await self._function()
        except trio.Cancelled:
            error = asyncio.CancelledError()
            raise
        except BaseException as raised:  # noqa: BLE001 - it is raised in asyncio
            error = raised
        finally:
            self._loop.call_soon_threadsafe(self._set_answer, error)

    def _set_answer(self, error: BaseException | None) -> None:
        if self.answer.done():
            return  # whoever asked was cancelled
        if isinstance(error, asyncio.CancelledError):
            self.answer.cancel()
        elif error is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(None)
