"""Make the environment of a peer under .nox, once, with the Python that it needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..results import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .pins import Peer

ROOT = Path(__file__).resolve().parents[4]
ENVIRONMENTS = ROOT / ".nox"
STAMP = "peer-fingerprint"
TOLD_CHARACTERS = 2000


class CannotRunError(Exception):
    """A peer cannot be measured here; the text says why."""


def interpreter(peer: Peer) -> Path:
    """Return the interpreter of a peer's environment, which is made when it is not."""
    if peer.name == OURS:
        return Path(sys.executable)
    home = ENVIRONMENTS / peer.environment
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = home / STAMP
    wanted = json.dumps([*peer.requirements, peer.python])
    if not (python.exists() and stamp.is_file() and stamp.read_text() == wanted):
        base = find_python(peer)
        print(f"making .nox/{peer.environment}, once", flush=True)
        run(str(base), "-m", "venv", "--clear", str(home))
        run(str(python), "-m", "pip", "install", "--quiet", *peer.requirements)
        stamp.write_text(wanted)
    return python


def find_python(peer: Peer) -> Path:
    """Return a Python that is new enough for the peer."""
    if peer.python is None:
        return Path(sys.executable)
    wanted = tuple(int(part) for part in peer.python.split("."))
    if sys.version_info[:2] >= wanted:
        return Path(sys.executable)
    for candidate in candidates(peer.python):
        if version_of(candidate) >= wanted:
            return candidate
    raise CannotRunError(
        f"{peer.name} needs Python {peer.python}, and none was found on the PATH or "
        "under ~/.pyenv"
    )


def candidates(version: str) -> Iterator[Path]:
    """Give places where such a Python may be."""
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(root.glob(f"versions/{version}*/bin/python"), reverse=True)


def version_of(python: Path) -> tuple[int, ...]:
    """Return an interpreter's version; a shim that starts none has version 0."""
    command = [str(python), "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return (0,)
    return tuple(int(part) for part in answer.stdout.split())


def run(*command: str) -> None:
    """Run a command whose output matters only when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stdout + done.stderr)[-TOLD_CHARACTERS:]
        raise CannotRunError(f"{' '.join(command[1:4])} failed:\n{told}")
