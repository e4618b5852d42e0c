"""Start worker processes, let them begin together, and stop them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from .tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PACKAGE = Path(__file__).resolve().parent
WORKER_PROGRAM = PACKAGE / "worker_program.py"
START_SECONDS = 90.0
STOP_SECONDS = 60.0
LOG_LINES = 15

# What docs/guides/worker.md says about throughput of short jobs.
THROUGHPUT = {"JOBS_CLAIM_BATCH_SIZE": "1000", "JOBS_MAX_GLOBAL_CONCURRENCY": "2000"}


@attrs.frozen
class Launch:
    """A program to be started once or several times; it is told tally and slot."""

    command: Sequence[str]
    environment: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Fleet:
    """Processes that run."""

    tally: Tally
    processes: Sequence[subprocess.Popen[bytes]]
    logs: Sequence[Path]

    def check(self) -> None:
        """Raise if one of them has ended."""
        for process, log in zip(self.processes, self.logs, strict=True):
            if process.poll() is not None:
                raise RuntimeError(
                    f"a worker ended with {process.returncode}:\n{log_tail(log)}"
                )

    def wait_for(self, count: int, timeout: float) -> float:
        """Wait for that many handler starts in all; return the time of that."""
        until = time.monotonic() + timeout
        while True:
            try:
                return self.tally.wait_for(count, min(1.0, timeout))
            except TimeoutError:
                self.check()
                if time.monotonic() > until:
                    raise


def our_worker(dsn: str, **settings: str) -> Launch:
    """Return how our worker is started."""
    return Launch(
        [sys.executable, str(WORKER_PROGRAM)], {"DATABASE_URL": dsn, **settings}
    )


@contextmanager
def running(
    launch: Launch, count: int = 1, *, moments: int = 0, holds: bool = False
) -> Iterator[Fleet]:
    """
    Run *count* processes; they begin together once all could.

    Args:
        launch: what to start.
        count: how many of it.
        moments: for how many numbered jobs the start is noted.
        holds: leave it to the caller to say go.
    """
    with tempfile.TemporaryDirectory(prefix="runledger-bench-") as directory:
        place = Path(directory)
        tally = Tally.create(place / "tally", moments)
        logs = [place / f"worker-{slot}.log" for slot in range(count)]
        started = [start(launch, tally, slot, log) for slot, log in enumerate(logs)]
        fleet = Fleet(tally, started, logs)
        try:
            wait_until_ready(fleet)
            if not holds:
                tally.go()
            yield fleet
        finally:
            stop(started)


def start(
    launch: Launch, tally: Tally, slot: int, log: Path
) -> subprocess.Popen[bytes]:
    """Start one process, whose output goes to its log."""
    with log.open("wb") as output:
        return subprocess.Popen(
            [*launch.command, "--tally", str(tally.path), "--slot", str(slot)],
            env={**os.environ, **launch.environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def wait_until_ready(fleet: Fleet) -> None:
    """Wait until every process could begin."""
    until = time.monotonic() + START_SECONDS
    while fleet.tally.ready_count(len(fleet.processes)) < len(fleet.processes):
        fleet.check()
        if time.monotonic() > until:
            raise TimeoutError("a worker was not ready in time")
        time.sleep(0.01)


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask all of them to end, and make them."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def log_tail(log: Path) -> str:
    """Return the end of what a process printed."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES:])
