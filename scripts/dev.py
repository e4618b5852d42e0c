"""
Set up the development environment and run one nox session in it.

    python3 scripts/dev.py demo
    python3 scripts/dev.py test
    python3 scripts/dev.py SESSION [arguments of the session]
    python3 scripts/dev.py doctor

Needs Python 3.11 or newer and a way to a package index, nothing else. The first call
makes .venv and installs nox there; later calls find it and start at once. Without a
session it lists them. `doctor` installs nothing: it tells what the machine lacks.
"""

# No "from __future__ import annotations" and no newer syntax: a Python that is too old
# has to get as far as the sentence that says so.

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST = (3, 11)
NOX = "nox==2026.10.20"
# Only an installer that is faster than pip; noxfile.py says when it is not used.
UV = "uv==0.13.9"

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv"
SCRIPTS = HOME / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
STAMP = HOME / "runledger-dev"
LOCK = ROOT / ".nox" / "set-up.lock"


class SetUpError(Exception):
    """What keeps the environment from being made, in one line."""


def main(arguments: "list[str]") -> int:
    """Run the session that the arguments name."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(str(__doc__).strip())
        return 0
    if arguments[:1] == ["doctor"]:
        return run_doctor()
    try:
        check_python()
        with one_at_a_time():
            set_up()
    except PermissionError as error:
        return fail(f"no permission for {error.filename}: another user's checkout?")
    except (SetUpError, OSError) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return fail("interrupted", status=130)
    return run_nox(arguments)


def run_doctor() -> int:
    """Look at the machine, before anything else is tried on it."""
    # Beside this file, wherever it was started from.
    sys.path.insert(0, str(ROOT / "scripts"))
    import doctor  # noqa: PLC0415 - nobody else needs it

    return int(doctor.main())


def check_python() -> None:
    """Refuse an interpreter that is too old, and name one that would do."""
    if sys.version_info >= OLDEST:
        return
    message = f"Python 3.11 or newer is needed, this is {this_python()}"
    for minor in range(20, OLDEST[1] - 1, -1):
        name = f"python3.{minor}"
        # It may be a launcher's stand-in for a Python that is not active.
        if shutil.which(name) and starts(name):
            message += f": try {name} {sys.argv[0]}"
            break
    raise SetUpError(message)


def starts(python: str) -> bool:
    """Tell whether an interpreter can be started at all."""
    command = [python, "--version"]
    silence = subprocess.DEVNULL
    return subprocess.call(command, stdout=silence, stderr=silence) == 0


def set_up() -> None:
    """Make .venv and install nox, unless that is done."""
    wanted = f"{NOX} {UV} {python_series()}"
    if PYTHON.exists() and STAMP.is_file() and STAMP.read_text() == wanted:
        return
    if not works(PYTHON):
        make_environment()
    note(f"installing {NOX}")
    install(NOX)
    try:
        install("--only-binary=:all:", UV)
    except SetUpError:
        # Some platforms have none, and everything works without it.
        note("uv cannot be installed here: sessions will use pip")
    STAMP.write_text(wanted)


def make_environment() -> None:
    """Make .venv from nothing."""
    missing = (
        f"the venv module of {sys.executable} is incomplete: install it"
        " (on Debian and Ubuntu: apt install python3-venv)"
    )
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian ships venv without it
        import venv  # noqa: F401, PLC0415
    except ImportError:
        raise SetUpError(missing) from None
    note(f"making {HOME.name} with Python {this_python()}")
    command = [sys.executable, "-m", "venv", "--clear", str(HOME)]
    done = None
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        # What is left of a failure, or of Ctrl-C, may look whole to the next call.
        if done is None or done.returncode != 0:
            shutil.rmtree(HOME, ignore_errors=True)
    if done.returncode != 0:
        output = done.stdout + done.stderr
        if "ensurepip" in output:
            raise SetUpError(missing)
        raise SetUpError(f"could not make {HOME}: {last_line(output)}")


def install(*requirements: str) -> None:
    """Install into .venv with pip, which knows the user's index."""
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = (
            f"pip could not install {requirements[-1]}: {last_line(done.stderr)}"
            " (no network? `pip config list` shows which index is asked)"
        )
        raise SetUpError(message)


def works(python: Path) -> bool:
    """Tell whether an environment is whole, and of the Python that runs this."""
    if not python.exists():
        return False
    # Such as "pip 24.0 from /.../pip (python 3.11)".
    command = [str(python), "-m", "pip", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0 and f"(python {python_series()})" in done.stdout


@contextlib.contextmanager
def one_at_a_time() -> "Iterator[None]":
    """Let a second call that comes during the first set-up wait for it."""
    try:
        import fcntl  # noqa: PLC0415 - POSIX only
    except ImportError:
        yield
        return
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_nox(arguments: "list[str]") -> int:
    """Hand over to nox, whose exit status becomes ours."""
    command = [str(PYTHON), "-m", "nox", "--noxfile", str(ROOT / "noxfile.py")]
    if not arguments:
        command.append("--list")
    else:
        session, *rest = arguments
        command += ["--session", session]
        command += ["--", *(rest[1:] if rest[:1] == ["--"] else rest)] if rest else []
    if os.name == "posix":
        # One process: signals and the exit status need no passing on.
        os.execv(PYTHON, command)  # noqa: S606
    return subprocess.run(command, check=False).returncode


def this_python() -> str:
    """Return the version of the running interpreter."""
    return ".".join(map(str, sys.version_info[:3]))


def python_series() -> str:
    """Return the version without its last part, which changes nothing here."""
    return ".".join(map(str, sys.version_info[:2]))


def last_line(output: str) -> str:
    """Return the line in which a failing command says why."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no output"])[-1]


def note(message: str) -> None:
    """Tell what takes time."""
    print(f"dev.py: {message} ...", file=sys.stderr, flush=True)


def fail(message: str, *, status: int = 1) -> int:
    """Say in one line what is wrong."""
    print(f"dev.py: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
