"""Bound a shutdown in time, also where a handler does not let itself be ended."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from ._exit_code import ExitCode
from ._log_events import LogEvent, emit
from .errors import ConfigError, SupervisorError

if TYPE_CHECKING:
    from types import TracebackType

    from ._stop import Stop
    from ._vitals import Vitals
    from .config import JobsConfig

# What cancelled tasks get to unwind, calls under way to be answered.
ABORT_SECONDS: Final = 1.0
# What an urgent stop may take from beginning to end, and a stop beyond its phases: the
# last words of handlers and hooks, and a pool to close whose database is gone.
_URGENT_SECONDS: Final = 5.0
_MARGIN_SECONDS: Final = 25.0
_DRAINED_SECONDS: Final = 3.0
_LOOK_SECONDS: Final = 1.0
_FLUSH_SECONDS: Final = 2.0


def checked_timeout(seconds: float | None) -> float:
    """
    Return a timeout for a shutdown; None is none.

    Raises:
        SupervisorError: ``runtime.shutdown_timeout_too_large`` beyond what a thread
            can wait for, some hundred years, and for infinity.
        ConfigError: ``config.invalid_value`` if it is negative or no number.
    """
    if seconds is None:
        return math.inf
    if seconds > threading.TIMEOUT_MAX:
        raise SupervisorError("runtime.shutdown_timeout_too_large")
    if not seconds >= 0:
        detail = f"a shutdown timeout must be zero or more seconds, not {seconds!r}"
        raise ConfigError("config.invalid_value", detail)
    return seconds


class Patience:
    """
    Say until when a shutdown may take, for those who wait for it from outside.

    After its phases (grace, cancellation, settling) nothing can hold it up but a
    handler that swallows its cancellation, or one that blocks the event loop. Neither
    can be ended from inside.

    Args:
        stop: what was asked for, and when.
        vitals: whether there is still something to wait for.
        config: how long the phases may take.
    """

    def __init__(self, stop: Stop, vitals: Vitals, config: JobsConfig) -> None:
        self._stop = stop
        self._vitals = vitals
        self._phases_seconds = (
            config.shutdown_grace_seconds
            + config.cancel_grace_seconds
            + config.database_timeout_seconds
        )

    def seconds_left(self) -> float:
        """Return how long it still lasts, infinity as long as nobody asked to stop."""
        stop = self._stop
        ends_at = min(
            stop.requested_at + self._phases_seconds + _MARGIN_SECONDS,
            stop.urgent_at + _URGENT_SECONDS,
            stop.due_at + 2 * ABORT_SECONDS,
            self._vitals.drained_at + _DRAINED_SECONDS,
        )
        return ends_at - time.monotonic()

    def nap_seconds(self) -> float | None:
        """Return how long to sleep before the next look; None is until a request."""
        seconds = self.seconds_left()
        return None if seconds == math.inf else max(0.0, min(seconds, _LOOK_SECONDS))


class LastResort:
    """
    End the process when its shutdown can not: a thread that waits for that.

    Where the supervisor is the program, a handler that swallows its cancellation must
    not keep the process until it is killed. Everything that could be written down has
    been by then, and the leases of the rest expire.
    """

    def __init__(self, stop: Stop, patience: Patience) -> None:
        self._patience = patience
        self._is_over = False
        # Its put() may interrupt itself, as a signal handler does.
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._thread = threading.Thread(
            target=self._watch, name="runledger last resort", daemon=True
        )
        stop.add_listener(self._nudge)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over = True
        self._nudge()
        self._thread.join()

    def _nudge(self) -> None:
        self._wake.put(None)

    def _watch(self) -> None:
        while not self._is_over:
            if self._patience.seconds_left() <= 0:
                _end_process()
            with suppress(Empty):
                self._wake.get(timeout=self._patience.nap_seconds())


def _end_process() -> None:
    # In a thread of its own: whoever holds up the shutdown may hold a stream's lock.
    last_words = threading.Thread(target=_say_last_words, daemon=True)
    last_words.start()
    last_words.join(_FLUSH_SECONDS)
    os._exit(ExitCode.INTERRUPTED)


def _say_last_words() -> None:
    emit(
        LogEvent.SHUTDOWN_ABANDONED,
        "the shutdown does not come to its end: leaving without it",
    )
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
