"""A worker in a process of its own, which a test may kill."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final, Self

import psycopg

from ._errors import WORKER_FAILED, TestSupportError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

_PAUSE_SECONDS: Final = 0.02
_SHOWN_CHARACTERS: Final = 4000

_IS_THERE: Final = "SELECT EXISTS (SELECT FROM job_workers WHERE worker_id = %s)"


class WorkerProcess:
    """
    Run a worker program for a test, and end it with the test if nothing else does.

    The program gets the database's URL in ``DATABASE_URL`` and its worker id in
    ``JOBS_WORKER_ID``, as a worker in production does. It counts as started once it
    has announced itself in the database.

    Args:
        dsn: the test database's URL.
        arguments: the program: ``["worker.py"]`` runs it with this Python, and
            anything longer is run as it is.
        worker_id: a name in the ledger; it must be unique among those that run.
        env: variables beside those of the test's own process.
        start_seconds: how long it may take to announce itself.

    Raises:
        TestSupportError: ``test_support.worker_failed`` with what the program printed,
            when it ended or did not announce itself in time.
    """

    def __init__(
        self,
        dsn: str,
        arguments: Sequence[str],
        *,
        worker_id: str,
        env: Mapping[str, str] | None = None,
        start_seconds: float = 30.0,
    ) -> None:
        self.worker_id = worker_id
        self._dsn = dsn
        command = [*arguments]
        if len(command) == 1:
            command.insert(0, sys.executable)
        own = {"DATABASE_URL": dsn, "JOBS_WORKER_ID": worker_id}
        self.process: subprocess.Popen[str] = subprocess.Popen(  # noqa: S603 - the test's
            command,
            env={**os.environ, **own, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            self._wait_until_announced(start_seconds)
        except BaseException:
            self.close()
            raise

    def kill(self) -> None:
        """End it with SIGKILL: nothing is finished, nothing is given back."""
        self.process.kill()
        self.process.wait()

    def stop(self, *, timeout_seconds: float = 60.0) -> int:
        """
        Ask it to stop with SIGTERM, and return its exit code.

        Raises:
            TestSupportError: ``test_support.worker_failed`` when it did not end in
                time; then it has been killed.
        """
        self.process.terminate()
        try:
            return self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            detail = f"it had not ended {timeout_seconds:g} seconds after SIGTERM"
            raise self._failure(detail) from None

    def output(self) -> str:
        """Return all that it printed; it must have ended."""
        text, _ = self.process.communicate()
        return text

    def close(self) -> None:
        """Kill it if it runs. A repeat does nothing."""
        if self.process.poll() is None:
            self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _wait_until_announced(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while True:
                row = connection.execute(_IS_THERE, [self.worker_id]).fetchone()
                if row is not None and row[0]:
                    return
                if self.process.poll() is not None:
                    raise self._failure(f"it ended with {self.process.returncode}")
                if time.monotonic() > until:
                    self.kill()
                    raise self._failure(f"it was not there after {seconds:g} seconds")
                time.sleep(_PAUSE_SECONDS)

    def _failure(self, detail: str) -> TestSupportError:
        printed = self.output()[-_SHOWN_CHARACTERS:]
        message = f"worker {self.worker_id}: {detail}; it printed:\n{printed}"
        return TestSupportError(WORKER_FAILED, message)
