"""Hold the one test server of this process."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable

from ._errors import TestSupportError
from ._server import RunningServer, plan_server, start_server
from ._settings import read_settings

ServerSource = Callable[[], RunningServer]


def start_chosen_server() -> RunningServer:
    """Start the server that the environment chooses."""
    return start_server(plan_server(read_settings()))


_lock = threading.Lock()
_source: ServerSource = start_chosen_server
_server: RunningServer | None = None
_failure: TestSupportError | None = None


def use_server() -> RunningServer:
    """
    Return the process's server, started by the first call.

    A failure is remembered: a thousand tests shall not each wait for a server that
    does not answer.

    Raises:
        TestSupportError: see :func:`runledger_test_support._server.start_server`.
    """
    global _server, _failure  # noqa: PLW0603  one per process is the point
    with _lock:
        if _failure is not None:
            raise TestSupportError(_failure.code, _failure.message)
        if _server is None:
            try:
                _server = _source()
            except TestSupportError as error:
                _failure = error
                raise
            atexit.register(stop_server)
        return _server


def take_server_from(source: ServerSource) -> None:
    """Ask *source* instead of starting a server; for workers of a parallel run."""
    global _source  # noqa: PLW0603
    with _lock:
        _source = source


def stop_server() -> None:
    """Stop the server, if one was started; the next use starts another."""
    global _server, _failure
    with _lock:
        server, _server, _failure = _server, None, None
    # A forked child has a copy of this module, but not the right to stop the server.
    if server is not None and server.owner_pid == os.getpid():
        atexit.unregister(stop_server)
        server.stop()
