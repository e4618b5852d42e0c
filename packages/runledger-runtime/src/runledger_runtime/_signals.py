"""Turn SIGINT and SIGTERM into requests to stop."""

from __future__ import annotations

import logging
import signal
import threading
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from ._stop import Stop

_logger = logging.getLogger("runledger_runtime")


def can_watch_signals() -> bool:
    """Tell whether this thread may: Python gives signals to the main one only."""
    return threading.current_thread() is threading.main_thread()


async def watch_signals(
    stop: Stop, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """
    Request *stop* at the first signal, urgently from the second on.

    Runs until it is cancelled, and leaves the handlers as they were before.
    """
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
        task_status.started()
        async for number in received:
            name = signal.Signals(number).name
            if stop.is_requested:
                _logger.warning("%s again: stopping without waiting for jobs", name)
                stop.request_urgently()
            else:
                _logger.info("%s: no new jobs, waiting for those that run", name)
                stop.request()
