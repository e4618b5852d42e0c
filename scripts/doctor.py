"""
Tell what this machine lacks for working on the repository, and what to do about it.

    python3 scripts/dev.py doctor

Looks only: it makes nothing but temporary files, and installs nothing. Standard
library only. Ends with status 1 when something necessary is missing; a warning is about
something that works all the same, or that only some of the tests need.
"""

# Nothing newer than Python 3.6 before check_python has spoken, as in dev.py.

import locale
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import dev
from doctor_finding import Finding, missing, ok, warning
from doctor_packages import check_index, check_installer, check_pip_settings
from doctor_server import check_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NEWEST_TESTED = (3, 14)
# .venv and .nox/dev need 0.6 GB; the demo, a test run and what it builds as much again.
NEEDED_BYTES = 1_500_000_000
COMFORTABLE_BYTES = 4_000_000_000
# What a test run puts below TMPDIR: a cluster and a database for each test.
NEEDED_TEMPORARY_BYTES = 500_000_000
# The path of a socket may have 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_BYTES = 103
SOCKET_PLACE = "/runledger-pg-0123456789ab/.s.PGSQL.5432"
SHORT_ROOTS = ("/tmp", "/var/tmp")  # noqa: S108
GIT_SECONDS = 20


def main() -> int:
    """Print a line for each thing, and return the exit status."""
    findings = []
    for finding in examine():
        findings.append(finding)
        print(finding.text(), flush=True)
    faults = [each for each in findings if each.level == "missing"]
    print()
    if faults:
        count = len(faults)
        print(f"{count} necessary thing{'s are' if count > 1 else ' is'} missing")
        return 1
    print("nothing necessary is missing: python3 scripts/dev.py test")
    return 0


def examine() -> "Iterable[Finding]":
    """Look at one thing after the other, the quick and necessary ones first."""
    python = check_python()
    yield python
    if python.level == "missing":
        return
    for check in CHECKS:
        try:
            yield check()
        except OSError as error:  # such as no place for a temporary file
            subject = check.__name__[len("check_") :].replace("_", " ")
            yield missing(subject, str(error), "mend what is said above first")


def check_python() -> "Finding":
    """See to the interpreter."""
    try:
        dev.check_python()
    except dev.SetUpError as error:
        return missing("python", str(error), "the rest was not looked at")
    said = f"{dev.this_python()} ({sys.executable})"
    if sys.version_info[:2] > NEWEST_TESTED:
        newest = ".".join(map(str, NEWEST_TESTED))
        return warning("python", said, f"tested with 3.11 to {newest} only")
    return ok("python", said)


def check_modules() -> "Finding":
    """See to the parts of the standard library that some packagers leave out."""
    names = ("ensurepip", "venv", "ssl", "zlib")
    absent = [name for name in names if not is_importable(name)]
    if not absent:
        return ok("modules", "venv, ensurepip and ssl are there")
    return missing(
        "modules",
        f"this Python has no {', '.join(absent)}",
        "install all of it (on Debian and Ubuntu: apt install python3-venv)",
    )


def is_importable(name: str) -> bool:
    """Tell whether a module can be imported, which is more than being found."""
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def check_checkout() -> "Finding":
    """See whether the environments can be made in the repository."""
    for place in (dev.ROOT, dev.HOME, dev.ROOT / ".nox"):
        if not place.is_dir():
            continue
        try:
            with tempfile.TemporaryFile(dir=str(place)):
                pass
        except OSError as error:
            return missing(
                "checkout",
                f"{place} cannot be written: {error.strerror}",
                "make it your own, or clone the repository where you may write",
            )
    return ok("checkout", f"{dev.ROOT} can be written")


def check_space() -> "Finding":
    """See whether the environments have room."""
    free = shutil.disk_usage(str(dev.ROOT)).free
    said = f"{gigabytes(free)} free for {dev.ROOT}"
    # What has been installed already needs no room any more.
    needed = NEEDED_BYTES // 3 if (dev.ROOT / ".nox" / "dev").is_dir() else NEEDED_BYTES
    if free < needed:
        return missing("disk", said, f"make room for {gigabytes(needed)}")
    if free < COMFORTABLE_BYTES:
        comfort = gigabytes(COMFORTABLE_BYTES)
        return warning("disk", said, f"{comfort} are enough for every session")
    return ok("disk", said)


def check_temporary() -> "Finding":
    """See where temporary files go, and whether a server's socket fits in there."""
    try:
        place = Path(tempfile.gettempdir()).resolve()
        free = shutil.disk_usage(str(place)).free
    except OSError as error:
        return missing(
            "temporary files",
            f"nowhere to write them: {error.strerror}",
            "set TMPDIR to a directory that can be written",
        )
    wanted = os.environ.get("TMPDIR")
    if wanted and Path(wanted).resolve() != place:
        return warning(
            "temporary files",
            f"TMPDIR={wanted} cannot be written, {place} is used instead",
            "set TMPDIR to a directory that can be written, or unset it",
        )
    if free < NEEDED_TEMPORARY_BYTES:
        return missing(
            "temporary files",
            f"{gigabytes(free)} free in {place}",
            f"make room, or set TMPDIR: a test run needs "
            f"{gigabytes(NEEDED_TEMPORARY_BYTES)}",
        )
    if not fits_socket(place):
        return check_short_roots(place)
    return ok("temporary files", f"{place}, {gigabytes(free)} free")


def fits_socket(place: Path) -> bool:
    """Tell whether the path of a server's socket is short enough, and has no comma."""
    path = os.fsencode(str(place) + SOCKET_PLACE)
    return len(path) <= SOCKET_PATH_BYTES and b"," not in path


def check_short_roots(place: Path) -> "Finding":
    """See whether a socket can be put elsewhere, as the test server does."""
    said = f"the path of a PostgreSQL socket in {place} is too long or has a comma"
    for root in SHORT_ROOTS:
        if os.access(root, os.W_OK | os.X_OK):
            return warning("temporary files", said, f"its socket goes to {root}")
    return missing("temporary files", said, "set TMPDIR to a shorter path")


def check_git() -> "Finding":
    """See whether git runs, and takes this checkout for its own."""
    if not shutil.which("git"):
        return missing(
            "git",
            "not on the PATH",
            "install it: commits are made with it",
        )
    # On macOS it may be there only to say that the developer tools are not.
    command = ["git", "-C", str(dev.ROOT), "rev-parse", "--is-inside-work-tree"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=GIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return missing("git", f"does not run: {error}", "install it anew")
    if done.returncode == 0:
        return ok("git", f"{shutil.which('git')}, {dev.ROOT} is a clone")
    return warning(
        "git",
        f"{dev.ROOT} is no clone to it: {dev.last_line(done.stderr)}",
        "tests run all the same; clone the repository to contribute or to release",
    )


def check_cores() -> "Finding":
    """See how many processors this process may use."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # Linux only
        count = os.cpu_count() or 1
    if count > 1:
        return ok("cores", str(count))
    return warning("cores", "1", "the tests take twice as long as on two")


def check_locale() -> "Finding":
    """See whether text is UTF-8, as the repository's files are."""
    try:
        locale.setlocale(locale.LC_ALL, "")
    except locale.Error:
        name = os.environ.get("LC_ALL") or os.environ.get("LANG", "")
        return warning(
            "locale", f"{name} is not installed", "install it, or set LC_ALL=C.UTF-8"
        )
    encoding = locale.getpreferredencoding(False)
    if encoding.upper().replace("-", "") == "UTF8":
        return ok("locale", encoding)
    return warning("locale", f"text is {encoding}", "set PYTHONUTF8=1")


def check_sockets() -> "Finding":
    """See whether a program may listen on this machine, as proxies in tests do."""
    try:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            port = listener.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                pass
    except OSError as error:
        return missing(
            "ports",
            f"no connection to a port of 127.0.0.1: {error.strerror or error}",
            "bring up the loopback interface, and let programs listen on it",
        )
    return ok("ports", "programs can listen on 127.0.0.1")


def check_processes() -> "Finding":
    """See whether the system has what the tests of crashes are made of."""
    if hasattr(os, "fork") and hasattr(socket, "AF_UNIX"):
        return ok("processes", f"{sys.platform}: fork and Unix sockets are there")
    return warning(
        "processes",
        f"{sys.platform} has no fork",
        "the libraries run here, many tests do not: work in WSL or a container",
    )


def gigabytes(count: int) -> str:
    """Write a size for people."""
    return f"{count / 1e9:.1f} GB"


CHECKS: "tuple[Callable[[], Finding], ...]" = (
    check_modules,
    check_checkout,
    check_space,
    check_temporary,
    check_git,
    check_cores,
    check_locale,
    check_sockets,
    check_processes,
    check_pip_settings,
    check_installer,
    check_index,
    check_server,
)

if __name__ == "__main__":
    sys.exit(main())
