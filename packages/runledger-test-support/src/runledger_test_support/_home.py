"""Choose and make the directories of an embedded server."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ._errors import SERVER_START_FAILED, TestSupportError
from ._programs import Account, can_account

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME_PREFIX: Final = "runledger-pg-"
SOCKET_NAME: Final = ".s.PGSQL.5432"
# The path of a socket may have 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_BYTES: Final = 103
# Where a socket goes when TMPDIR is too deep. Both are sticky, ours is 0700 inside.
SHORT_ROOTS: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108
# To make a database copies three hundred files: a disk may take ten times as long.
MEMORY: Final = Path("/dev/shm")  # noqa: S108
# Containers have 64 MiB by default. A database takes ten, and WAL up to 1 GiB.
MEMORY_BYTES: Final = 4 * 1024**3


@dataclass(frozen=True, kw_only=True)
class Home:
    """The directories of one server; they need not exist yet."""

    directory: Path
    socket_directory: Path

    @property
    def directories(self) -> tuple[Path, ...]:
        """Everything that has to be made, and in the end removed."""
        return tuple(dict.fromkeys((self.directory, self.socket_directory)))

    @property
    def data_directory(self) -> Path:
        """The cluster."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """What initdb and the server say."""
        return self.directory / "log"

    def make(self, account: Account | None) -> None:
        """Make the directories, closed to everybody but *account* and ourselves."""
        for directory in self.directories:
            directory.mkdir(mode=0o700)
            if account is not None:
                os.chown(directory, account.uid, account.gid)


def choose_home(account: Account | None, *, prefers_memory: bool) -> Home:
    """
    Choose fresh names below TMPDIR, or where *account* can work instead.

    Where nobody has set TMPDIR, data that *prefers_memory* goes to ``/dev/shm`` while
    that has 4 GiB to give.

    Nothing is made yet, so that whoever cleans up can be told the names first.

    Raises:
        TestSupportError: ``test_support.server_start_failed`` without a place.
    """
    name = NAME_PREFIX + secrets.token_hex(6)
    memory = (MEMORY,) if prefers_memory and _may_use_memory() else ()
    roots = (*memory, *_temporary_root(), *SHORT_ROOTS)
    directory = _first_usable(roots, account) / name
    if is_fit_for_socket(directory):
        return Home(directory=directory, socket_directory=directory)
    return Home(
        directory=directory, socket_directory=_first_usable(SHORT_ROOTS, account) / name
    )


def is_fit_for_socket(directory: Path) -> bool:
    """Whether a server's socket can be in *directory*, and libpq can name it."""
    path = directory / SOCKET_NAME
    # libpq takes a comma for a list of hosts.
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES and "," not in str(path)


def _may_use_memory() -> bool:
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return False
    room = os.statvfs(MEMORY)
    return room.f_bavail * room.f_frsize >= MEMORY_BYTES


def _temporary_root() -> tuple[Path, ...]:
    try:
        return (Path(tempfile.gettempdir()).absolute(),)
    except FileNotFoundError:
        return ()


def _first_usable(roots: Iterable[Path], account: Account | None) -> Path:
    # Root makes the directory, so the account only has to get there; an ordinary
    # user makes it, too.
    tests = ["-x"] if account else ["-x", "-w"]
    tried = tuple(dict.fromkeys(roots))
    for root in tried:
        if can_account(account, ["-d", *tests], root):
            return root
    raise TestSupportError(
        SERVER_START_FAILED,
        f"no usable directory among {', '.join(map(str, tried))}; "
        "set TMPDIR to one that can be written",
    )
