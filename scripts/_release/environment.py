"""Start a release script again in the dev environment where this one lacks parts."""

# Standard library only: it runs before anything else is there.

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("attrs", "build", "hatchling", "packaging", "pip", "towncrier", "twine")
# Says to the script that it has been started again.
GUARD = "RUNLEDGER_RELEASE_ENVIRONMENT"


def enter(session: str, arguments: list[str]) -> None:
    """Return when everything is here; otherwise run the nox session of that name."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not missing:
        return
    if GUARD in os.environ:
        sys.exit(f"the dev environment lacks {', '.join(missing)}: remove .nox/dev")
    command = [sys.executable, str(ROOT / "scripts" / "dev.py"), session, "--"]
    environment = os.environ | {GUARD: "1"}
    if os.name == "posix":
        os.execve(sys.executable, [*command, *arguments], environment)  # noqa: S606
    done = subprocess.run([*command, *arguments], env=environment, check=False)
    sys.exit(done.returncode)
