"""Bring events to one observer: in order for each job, bounded, harmless."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import trio

from ._log_events import LogEvent, emit
from .observers import JobLifecycleObserver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

_LANES_COUNT: Final = 4
_MAX_WAITING: Final = 1000
_CALL_SECONDS: Final = 10.0
_CALLS_PER_TURN: Final = 50


class ObserverFeed:
    """
    Call an observer about events, off the way of the jobs themselves.

    There are a few lanes, and all events of a job take the same one, so that the
    observer has dealt with its beginning before it hears of its end. A lane is a task
    only while something waits in it. Beyond a number that wait, the newest are dropped
    and counted.
    """

    def __init__(self, observer: JobLifecycleObserver, nursery: trio.Nursery) -> None:
        self._name = type(observer).__qualname__
        self._nursery = nursery
        self._methods = _overridden(observer)
        self._lanes: tuple[deque[tuple[str, object]], ...] = tuple(
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
        self._waiting_count += 1
        lane.append((name, event))
        if len(lane) == 1:
            self._nursery.start_soon(
                self._deliver, lane, name=f"runledger observer {self._name}"
            )

    async def wait_done(self) -> None:
        """Wait until nothing waits any more."""
        while self._waiting_count:
            self._is_done = trio.Event()
            await self._is_done.wait()

    async def _deliver(self, lane: deque[tuple[str, object]]) -> None:
        calls_count = 0
        while lane:
            name, event = lane[0]
            await self._call(name, event)
            # It leaves the lane only now: an empty lane has no task.
            lane.popleft()
            self._waiting_count -= 1
            calls_count += 1
            if calls_count % _CALLS_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
        self._tell_of_missed()
        if not self._waiting_count:
            self._is_done.set()

    async def _call(self, name: str, event: object) -> None:
        try:
            with trio.move_on_after(_CALL_SECONDS) as scope:
                answer = self._methods[name](event)
                if answer is not None:
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
