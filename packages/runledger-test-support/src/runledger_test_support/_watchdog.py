"""
Clean up after a test process that died without doing so itself.

SIGKILL and the default action of SIGTERM leave a process no time to stop its server.
So a second, tiny process holds the read end of a pipe. It hears of every server and
directory as they are made; when the pipe closes without a dismissal, its owner is
gone, and it stops and removes what was announced. The kernel closes the pipe, so
there is no way to die that it would miss, and no signal handler has to be installed
in the test process. (Killed in the instant between a server's fork and its
announcement, a test process leaves a server whose directory is gone; PostgreSQL notices
that by itself within a minute.)

Both ends are in this file. It runs as a script with ``-I -S``: standard library only.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

STOP_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.02
REMOVE_ATTEMPTS: Final = 50


class Watchdog:
    """The owner's end: says what there is to clean up."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own file, no user input
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            # Out of the terminal's process group: Ctrl-C must not reach it.
            start_new_session=True,
        )

    def watch_directory(self, path: Path) -> None:
        """Remove *path*, which need not exist yet, when the owner dies."""
        self._say("directory", str(path))

    def watch_group(self, group: int) -> None:
        """Stop the process group *group* when the owner dies."""
        self._say("group", group)

    def forget_group(self, group: int) -> None:
        """The group has ended; its number may soon belong to others."""
        self._say("forget", group)

    def dismiss(self) -> None:
        """Everything is cleaned up: end the watchdog."""
        self._say("dismiss", None)
        self.abandon()

    def abandon(self) -> None:
        """
        End the watchdog; it first cleans up what is still announced.

        A repeat does nothing.
        """
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101  for the type checker: stdin=PIPE
        with suppress(BrokenPipeError):  # killed by somebody: nothing left to tell
            pipe.close()
        self._process.wait()

    def _say(self, what: str, value: object) -> None:
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101  for the type checker: stdin=PIPE
        with suppress(BrokenPipeError):
            pipe.write(json.dumps([what, value]).encode() + b"\n")
            pipe.flush()


def listen(pipe: IO[bytes]) -> tuple[list[int], list[Path]]:
    """Read announcements until the owner dies or dismisses; return what remains."""
    groups: list[int] = []
    directories: list[Path] = []
    for line in pipe:
        match json.loads(line):
            case ["directory", str(path)]:
                directories.append(Path(path))
            case ["group", int(group)]:
                groups.append(group)
            case ["forget", int(group)]:
                groups.remove(group)
            case ["dismiss", _]:
                return [], []
    return groups, directories


def stop_group(group: int) -> None:
    """
    End a server's process group at once.

    SIGQUIT is PostgreSQL's immediate shutdown: no checkpoint, for data that
    nobody will read, but shared memory is still given back.
    """
    for number in (signal.SIGQUIT, signal.SIGKILL):
        if not signal_group(group, number):
            return
        if wait_until(lambda: not signal_group(group, 0), seconds=STOP_SECONDS):
            return


def remove_directory(path: Path) -> None:
    """Remove *path* even while processes that were just told to end still write."""
    for _ in range(REMOVE_ATTEMPTS):
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return
        time.sleep(POLL_SECONDS)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Whether *condition* came true within *seconds*."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def signal_group(group: int, number: int) -> bool:
    """Send the signal; whether there was anybody to get it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        # macOS answers EPERM for a group of zombies.
        return False
    return True


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    remaining_groups, remaining_directories = listen(sys.stdin.buffer)
    for remaining_group in remaining_groups:
        stop_group(remaining_group)
    for remaining_directory in remaining_directories:
        remove_directory(remaining_directory)
