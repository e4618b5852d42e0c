"""Bring events to one observer: in order for each job, bounded, harmless."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import attrs
import trio

from ._log_events import LogEvent, emit
from .observers import JobLifecycleObserver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

_LANES_COUNT: Final = 4
_MAX_WAITING: Final = 1000
_CALL_SECONDS: Final = 10.0


@attrs.define(eq=False)
class _Call:
    name: str
    event: object
    answer: Awaitable[None] | None = None


class ObserverFeed:
    """
    Call an observer about events, off the way of the jobs themselves.

    A plain method is done when it returns, so it is called at once and misses nothing.
    What has to be awaited goes into one of a few lanes, and all events of a job take
    the same one, so that the observer has dealt with its beginning before it hears of
    its end. A lane is a task only while something waits in it. Beyond a number that
    wait, the newest are dropped and counted.
    """

    def __init__(self, observer: JobLifecycleObserver, nursery: trio.Nursery) -> None:
        self._name = type(observer).__qualname__
        self._nursery = nursery
        self._methods = _overridden(observer)
        self._lanes: tuple[deque[_Call], ...] = tuple(
            deque() for _ in range(_LANES_COUNT)
        )
        self._waiting_count = 0
        self._missed_count = 0
        self._is_done = trio.Event()

    def wants(self, name: str) -> bool:
        """Tell whether the observer has this method of its own."""
        return name in self._methods

    def put(self, name: str, job_id: UUID, event: object) -> None:
        """Take an event for a method that the observer has; never blocks."""
        if self._waiting_count >= _MAX_WAITING:
            self._missed_count += 1
            return
        lane = self._lanes[job_id.int % _LANES_COUNT]
        call = _Call(name, event)
        if lane:
            self._waiting_count += 1
            lane.append(call)
            return
        call.answer = self._begin(call)
        if call.answer is not None:
            self._waiting_count += 1
            lane.append(call)
            self._nursery.start_soon(
                self._deliver, lane, name=f"runledger observer {self._name}"
            )

    async def wait_done(self) -> None:
        """Wait until nothing waits any more."""
        while self._waiting_count:
            self._is_done = trio.Event()
            await self._is_done.wait()

    async def _deliver(self, lane: deque[_Call]) -> None:
        while lane:
            call = lane[0]
            if call.answer is None:
                call.answer = self._begin(call)
            if call.answer is None:
                await trio.lowlevel.checkpoint()
            else:
                await self._finish(call.name, call.answer)
            # It leaves the lane only now: an empty lane has no task.
            lane.popleft()
            self._waiting_count -= 1
        self._tell_of_missed()
        if not self._waiting_count:
            self._is_done.set()

    def _begin(self, call: _Call) -> Awaitable[None] | None:
        try:
            return self._methods[call.name](call.event)
        except Exception as error:  # noqa: BLE001 - an observer harms nothing
            self._report(call.name, "failed", error)
            return None

    async def _finish(self, name: str, answer: Awaitable[None]) -> None:
        try:
            with trio.move_on_after(_CALL_SECONDS) as scope:
                await answer
        except Exception as error:  # noqa: BLE001 - an observer harms nothing
            self._report(name, "failed", error)
        else:
            if scope.cancelled_caught:
                self._report(name, "took too long", None)

    def _report(self, name: str, what: str, error: Exception | None) -> None:
        emit(
            LogEvent.OBSERVER_FAILED,
            "%s of observer %s %s",
            name,
            self._name,
            what,
            error=error,
            observer=self._name,
        )

    def _tell_of_missed(self) -> None:
        if self._missed_count:
            emit(
                LogEvent.OBSERVER_MISSED,
                "observer %s does not keep up; events it missed: %d",
                self._name,
                self._missed_count,
                observer=self._name,
                count=self._missed_count,
            )
            self._missed_count = 0


def _overridden(
    observer: JobLifecycleObserver,
) -> dict[str, Callable[[Any], Awaitable[None] | None]]:
    """Return the methods that the observer does not share with the base class."""
    names = [name for name in vars(JobLifecycleObserver) if name.startswith("on_")]
    own = type(observer)
    return {
        name: getattr(observer, name)
        for name in names
        if getattr(own, name, None) is not getattr(JobLifecycleObserver, name)
    }
