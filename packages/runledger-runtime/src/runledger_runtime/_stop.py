"""Tell every loop of a process when to stop."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Stop:
    """
    Carry a request to stop, in two degrees, to everything that runs.

    *Requested* means: take nothing new, finish what was begun. *Urgent* means: do not
    wait for that either. Neither can be taken back. A request may allow a time, and
    what is not at its end by then is cut short, by whoever waits for `wait_overdue`.
    The two methods that ask may be called from any thread, and before anything runs.

    Args:
        catches_interrupts: whether SIGINT becomes such a request. A KeyboardInterrupt
            inside a handler is then the handler's own doing.
    """

    def __init__(self, *, catches_interrupts: bool = False) -> None:
        self.catches_interrupts = catches_interrupts
        self._requested = _Signal()
        self._urgent = _Signal()
        self._token: trio.lowlevel.TrioToken | None = None
        self._listeners: list[Callable[[], None]] = []
        # On the clock of time.monotonic(), so that any thread can reckon with them.
        self.requested_at: float = math.inf
        self.urgent_at: float = math.inf
        self.due_at: float = math.inf
        self._due_change = trio.Event()

    @property
    def is_requested(self) -> bool:
        """Whether somebody asked to stop."""
        return self._requested.is_given

    @property
    def is_urgent(self) -> bool:
        """Whether somebody asked to stop without waiting."""
        return self._urgent.is_given

    def request(self, *, within_seconds: float = math.inf) -> None:
        """Ask to stop; a repeat can only shorten the time that is allowed for it."""
        now = time.monotonic()
        self.requested_at = min(self.requested_at, now)
        self.due_at = min(self.due_at, now + within_seconds)
        self._requested.is_given = True
        self._tell()

    def request_urgently(self) -> None:
        """Ask to stop without waiting for what runs."""
        self.urgent_at = min(self.urgent_at, time.monotonic())
        self._urgent.is_given = True
        self.request()

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call *listener* at every request, in the thread or signal handler of it."""
        self._listeners.append(listener)

    async def wait_requested(self) -> None:
        """Wait until somebody asks to stop."""
        self._listen()
        await self._requested.event.wait()

    async def wait_overdue(self) -> None:
        """Wait until the time that was allowed for the stop is over."""
        self._listen()
        is_over = False
        while not is_over:
            seconds = max(0.0, self.due_at - time.monotonic())
            with trio.move_on_after(seconds) as scope:
                await self._due_change.wait()
            is_over = scope.cancelled_caught

    @contextmanager
    def ending(self) -> Iterator[trio.CancelScope]:
        """Cancel what is inside as soon as somebody asks to stop."""
        self._listen()
        with self._requested.scope(math.inf) as scope:
            yield scope

    @contextmanager
    def patience(self, seconds: float) -> Iterator[trio.CancelScope]:
        """Allow what is inside this long, but no longer once it becomes urgent."""
        self._listen()
        with self._urgent.scope(seconds) as scope:
            yield scope

    def _listen(self) -> None:
        """Learn how to reach this trio run, and hear what was asked before it."""
        if self._token is None:
            self._token = trio.lowlevel.current_trio_token()
            self._spread()

    def _tell(self) -> None:
        # A thread that asks just before the token is known has set its mark already,
        # and the listener looks at the marks after it has set the token.
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._spread)
        for listener in self._listeners:
            listener()

    def _spread(self) -> None:
        self._requested.spread()
        self._urgent.spread()
        self._due_change.set()
        self._due_change = trio.Event()


class _Signal:
    """One degree: a mark for any thread, an event and scopes for trio's."""

    def __init__(self) -> None:
        self.is_given = False
        self.event = trio.Event()
        self._scopes: set[trio.CancelScope] = set()

    def spread(self) -> None:
        """Let trio's tasks know of the mark."""
        if self.is_given:
            self.event.set()
            for scope in self._scopes:
                scope.cancel()

    @contextmanager
    def scope(self, seconds: float) -> Iterator[trio.CancelScope]:
        """Open a scope that ends after *seconds* or when the signal is given."""
        with trio.move_on_after(seconds) as scope:
            self._scopes.add(scope)
            if self.is_given:
                scope.cancel()
            try:
                yield scope
            finally:
                self._scopes.discard(scope)
