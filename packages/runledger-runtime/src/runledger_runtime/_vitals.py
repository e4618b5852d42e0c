"""Take note of how a supervisor fares, in marks that any thread can read."""

from __future__ import annotations

import inspect
import math
import time
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import trio

from runledger_core import RunledgerError

from ._log_events import LogEvent, emit
from .health import Health, LoopHealth, SupervisorPhase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sized

    from ._ledger import Ledger
    from ._stop import Stop

_PULSE_SECONDS: Final = 1.0
# With any other code, it was the database that said so.
_NO_ANSWER_CODES: Final = frozenset(
    {"db.connection_failed", "db.transaction_commit_unconfirmed"}
)


@attrs.define
class _LoopMarks:
    """When the database last answered a loop, and what it last failed with."""

    succeeded_at: float | None = None
    last_error: str | None = None


class Vitals:
    """
    Take note of how a supervisor fares.

    Trio's thread writes, any thread reads, and nobody waits: each mark is one
    reference, and marks that do not quite belong together do no harm. Times are those
    of ``time.monotonic()``.

    Args:
        stop: tells whether it was asked to stop.
    """

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._is_running = False
        self._is_stopped = False
        self._held: Sized = ()
        self._loops: dict[str, _LoopMarks] = {}
        self._ok_since: float | None = None
        self._failing_since: float | None = None
        self._pulse_at: float | None = None
        self.lease_ttl_seconds: float = math.inf
        self.drained_at: float = math.inf

    def begin(self) -> None:
        """Note that the loops start."""
        self._is_running = True

    def end(self) -> None:
        """Note that everything has ended."""
        self._pulse_at = None
        self._is_stopped = True

    def hold(self, held: Sized) -> None:
        """Count these jobs as held by the supervisor."""
        self._held = held

    def drained(self) -> None:
        """Note that all that is left are jobs that swallow their cancellation."""
        self.drained_at = time.monotonic()

    async def pulse(self) -> None:
        """Leave a mark once a second, until cancelled, to show that trio turns."""
        while True:
            self._pulse_at = time.monotonic()
            await trio.sleep(_PULSE_SECONDS)

    def watched(self, ledger: Ledger, loop_name: str | None = None) -> Ledger:
        """Return *ledger* for one loop or for none; its calls leave marks here."""
        marks = _LoopMarks()
        if loop_name is not None:
            self._loops[loop_name] = marks
        return cast("Ledger", _WatchedLedger(ledger, marks, self))

    def read(self) -> Health:
        """Return what is known at this moment; any thread may ask."""
        now = time.monotonic()
        phase = self._phase()
        pulse_at = self._pulse_at
        lag = 0.0 if pulse_at is None else max(0.0, now - pulse_at - _PULSE_SECONDS)
        ok_since = self._ok_since
        is_live = phase is not SupervisorPhase.STOPPED and lag < self.lease_ttl_seconds
        return Health(
            phase=phase,
            is_live=is_live,
            is_ready=is_live
            and phase is SupervisorPhase.RUNNING
            and ok_since is not None,
            database_ok_seconds=None if ok_since is None else now - ok_since,
            event_loop_lag_seconds=lag,
            held_jobs_count=len(self._held),
            loops=MappingProxyType(
                {
                    name: _loop_health(marks, now)
                    for name, marks in tuple(self._loops.items())
                }
            ),
        )

    def _phase(self) -> SupervisorPhase:
        if self._is_stopped:
            return SupervisorPhase.STOPPED
        if self._stop.is_requested:
            return SupervisorPhase.STOPPING
        if self._is_running:
            return SupervisorPhase.RUNNING
        return SupervisorPhase.STARTING

    def answered(self, marks: _LoopMarks) -> None:
        """Note that the database answered a loop."""
        marks.succeeded_at = time.monotonic()
        marks.last_error = None
        if self._ok_since is None:
            self._ok_since = marks.succeeded_at
        if self._failing_since is not None:
            seconds = marks.succeeded_at - self._failing_since
            emit(
                LogEvent.DATABASE_ANSWERS,
                "the database answers again, after %.1f seconds",
                seconds,
                outage_seconds=seconds,
            )
            self._failing_since = None

    def failed(self, marks: _LoopMarks, error: RunledgerError) -> None:
        """Note that a call of a loop failed."""
        marks.last_error = str(error)
        if error.code in _NO_ANSWER_CODES:
            self._ok_since = None
            if self._failing_since is None:
                self._failing_since = time.monotonic()


class _WatchedLedger:
    """
    Pass every call on, and note how it ended.

    It knows none of the methods, so that whoever adds one to the port need not come
    here.
    """

    def __init__(self, ledger: Ledger, marks: _LoopMarks, vitals: Vitals) -> None:
        self._ledger = ledger
        self._marks = marks
        self._vitals = vitals

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._ledger, name)
        if not inspect.iscoroutinefunction(value):
            return value
        watched = self._watch(value)
        self.__dict__[name] = watched
        return watched

    def _watch(
        self, method: Callable[..., Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        @wraps(method)
        async def call(*args: Any, **kwargs: Any) -> Any:
            try:
                result = await method(*args, **kwargs)
            except RunledgerError as error:
                self._vitals.failed(self._marks, error)
                raise
            self._vitals.answered(self._marks)
            return result

        return call


def _loop_health(marks: _LoopMarks, now: float) -> LoopHealth:
    succeeded_at = marks.succeeded_at
    return LoopHealth(
        last_success_seconds=None if succeeded_at is None else now - succeeded_at,
        last_error=marks.last_error,
    )
