"""Run workers in several processes, for all cores of a host."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Final

import attrs

from runledger_core import RunledgerError

from ._exit_code import ExitCode
from ._log_events import LogEvent, emit
from ._signals import can_watch_signals
from ._ticks import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess
    from types import FrameType

    from .supervisor import Supervisor

__all__ = ["run_workers"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_STEADY_SECONDS: Final = 60.0
_WORKER_ID_VARIABLE: Final = "JOBS_WORKER_ID"
# What is said of several ends by one code: the gravest.
_GRAVITY: Final = (
    ExitCode.OK,
    ExitCode.INTERRUPTED,
    ExitCode.UNAVAILABLE,
    ExitCode.FAILED,
    ExitCode.MISCONFIGURED,
)


def run_workers(
    make_supervisor: Callable[[], Supervisor],
    *,
    processes: int | None = None,
    stop_when_idle: bool = False,
) -> ExitCode:
    """
    Run supervisors in processes of their own until they end, and say how.

    Python runs one thread at a time, so one process uses little more than a core.
    Each process here is a worker like any other: it is started anew (spawned, not
    forked), calls *make_supervisor*, and runs what that returns. Nothing is shared but
    the database.

    SIGINT and SIGTERM are passed on, and so is a second one, which stops at once. A
    process that dies, or ends with `ExitCode.FAILED` or `ExitCode.UNAVAILABLE`, is
    reported and replaced, after pauses that grow while it keeps dying; its jobs return
    to the queue when their leases expire. One that ends with `ExitCode.MISCONFIGURED`
    ends all: another start could not help. One that ends in good order is not replaced.
    When this process is killed, the others stop in good order by themselves.

    Args:
        make_supervisor: a function of a module that the processes can import. It makes
            its own pool, and is also the place to configure logging. Where
            ``JOBS_WORKER_ID`` is set, each process finds its own number behind it.
        processes: how many; by default one for each core that this process may use.
        stop_when_idle: have each end when there is nothing to do, as for
            `Supervisor.run`.

    Raises:
        ValueError: *processes* is below 1.
        RuntimeError: this is not the main thread, which signals are given to.
    """
    count = _core_count() if processes is None else processes
    if count < 1:
        raise ValueError("there must be one process at least")
    if not can_watch_signals():
        raise RuntimeError("run_workers() runs in the main thread, for its signals")
    return _Team(make_supervisor, count, stop_when_idle=stop_when_idle).run()


@attrs.define(eq=False)
class _Place:
    """One of the processes, and whoever comes after it."""

    number: int
    process: BaseProcess | None = None
    started_at: float = 0.0
    starts_at: float = 0.0
    backoff: Backoff = attrs.field(factory=Backoff)


class _Team:
    """Start processes, replace those that die, and pass signals on."""

    def __init__(
        self,
        make_supervisor: Callable[[], Supervisor],
        count: int,
        *,
        stop_when_idle: bool,
    ) -> None:
        self._make_supervisor = make_supervisor
        self._stop_when_idle = stop_when_idle
        self._places = [_Place(number) for number in range(1, count + 1)]
        self._is_stopping = False
        self._exit_code = ExitCode.OK
        self._wake, self._waking = socket.socketpair()

    def run(self) -> ExitCode:
        """Run until no process is left nor to be replaced."""
        self._waking.setblocking(False)
        before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        try:
            while self._places:
                self._start_due()
                self._wait()
                self._take_note()
        finally:
            for place in self._places:  # only after an error of our own
                if place.process is not None:
                    place.process.terminate()
                    place.process.join()
            for number, handler in before.items():
                signal.signal(number, handler)
            self._wake.close()
            self._waking.close()
        return self._exit_code

    def _start_due(self) -> None:
        now = time.monotonic()
        for place in self._places:
            if place.process is None and place.starts_at <= now:
                self._start(place)
                place.started_at = now

    def _start(self, place: _Place) -> None:
        # Blocked signals stay blocked in the new process, until it is ready for them;
        # here they wait until it is known to the handler.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            process = multiprocessing.get_context("spawn").Process(
                target=_work,
                args=(self._make_supervisor, place.number, self._stop_when_idle),
                name=f"runledger worker {place.number}",
            )
            process.start()
            place.process = process
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _wait(self) -> None:
        """Wait until a process ends, one is to be started, or a signal came."""
        waits = [place.starts_at for place in self._places if place.process is None]
        seconds = max(0.0, min(waits) - time.monotonic()) if waits else None
        running = [place.process for place in self._places if place.process is not None]
        ready = wait([self._wake, *(process.sentinel for process in running)], seconds)
        if self._wake in ready:
            self._wake.recv(64)

    def _take_note(self) -> None:
        """Look at each process that has ended, and at the places that stay empty."""
        for place in list(self._places):
            process = place.process
            if process is not None and not process.is_alive():
                process.join()
                place.process = None
                self._ended(place, process.exitcode or 0)
        if self._is_stopping:
            self._places = [p for p in self._places if p.process is not None]

    def _ended(self, place: _Place, code: int) -> None:
        exit_code = _exit_code(code, is_stopping=self._is_stopping)
        is_mendable = exit_code in {ExitCode.UNAVAILABLE, ExitCode.FAILED}
        if is_mendable and not self._is_stopping:
            if time.monotonic() - place.started_at > _STEADY_SECONDS:
                place.backoff.reset()
            pause_seconds = place.backoff.next_pause()
            place.starts_at = time.monotonic() + pause_seconds
            emit(
                LogEvent.PROCESS_ENDED,
                "worker process %d ended with %s; its place is filled in %.1f s",
                place.number,
                _described(code),
                pause_seconds,
                process_number=place.number,
                code=code,
            )
            return
        self._places.remove(place)
        self._exit_code = max(self._exit_code, exit_code, key=_GRAVITY.index)
        if exit_code is ExitCode.MISCONFIGURED and not self._is_stopping:
            emit(
                LogEvent.PROCESSES_MISCONFIGURED,
                "worker process %d is misconfigured: all stop",
                place.number,
                process_number=place.number,
            )
            self._stop()

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._stop()

    def _stop(self) -> None:
        """Tell every process to stop; a second time, not to wait."""
        self._is_stopping = True
        for place in self._places:
            if place.process is not None and place.process.pid is not None:
                place.process.terminate()
        with suppress(BlockingIOError):  # then it is being woken already
            self._waking.send(b"\0")


def _work(
    make_supervisor: Callable[[], Supervisor], number: int, stop_when_idle: bool
) -> None:
    """Be one of the processes."""
    # A terminal sends SIGINT to all processes of its group, and the parent passes it
    # on: that would be two signals.
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    if worker_id := os.environ.get(_WORKER_ID_VARIABLE, "").strip():
        os.environ[_WORKER_ID_VARIABLE] = f"{worker_id}-{number}"
    try:
        supervisor = make_supervisor()
    except RunledgerError as error:
        emit(
            LogEvent.SUPERVISOR_FAILED, "%s", error.internal_message(), code=error.code
        )
        sys.exit(ExitCode.MISCONFIGURED)
    threading.Thread(target=_stop_with_parent, args=(supervisor,), daemon=True).start()
    sys.exit(supervisor.run(stop_when_idle=stop_when_idle))


def _stop_with_parent(supervisor: Supervisor) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        supervisor.request_shutdown()


def _exit_code(code: int, *, is_stopping: bool) -> ExitCode:
    if is_stopping and code == -signal.SIGTERM:
        return ExitCode.OK  # it had not begun
    return ExitCode(code) if code in _GRAVITY else ExitCode.FAILED


def _described(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _core_count() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
