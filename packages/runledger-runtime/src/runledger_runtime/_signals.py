"""Turn SIGINT and SIGTERM into requests to stop."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Final

import trio

from ._log_events import LogEvent, emit

if TYPE_CHECKING:
    from types import FrameType

    from ._stop import Stop

_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM)


def can_watch_signals() -> bool:
    """Tell whether this thread may: Python gives signals to the main one only."""
    return threading.current_thread() is threading.main_thread()


async def watch_signals(
    stop: Stop, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """
    Request *stop* at the first signal, urgently from the second on.

    The request is made in the signal handler itself, so that it is known even while
    a job keeps trio from turning. Runs until it is cancelled, and leaves the handlers
    as they were before.
    """
    token = trio.lowlevel.current_trio_token()

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        # No logging here: the interrupted code may be about to write to its stream.
        token.run_sync_soon(_log_signal, number, stop.is_requested)
        if stop.is_requested:
            stop.request_urgently()
        else:
            stop.request()

    before = {number: signal.signal(number, handle) for number in _NUMBERS}
    try:
        task_status.started()
        await trio.sleep_forever()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_signal(number: int, is_repeated: bool) -> None:
    name = signal.Signals(number).name
    if is_repeated:
        message = "%s again: stopping without waiting for jobs"
        emit(LogEvent.SHUTDOWN_URGENT, message, name, signal=name)
    else:
        message = "%s: no new jobs, waiting for those that run"
        emit(LogEvent.SHUTDOWN_REQUESTED, message, name, signal=name)
