"""Fragments of the changelog: whether they are there, and the section they become."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

from .errors import ReleaseError, last_lines

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.version import Version

EXPLANATION = "README.md"


def check_fragments(root: Path) -> int:
    """Return how many fragments there are; refuse none, and those nobody would see."""
    settings = _settings(root)
    folder = root / settings["directory"]
    kinds = [kind["directory"] for kind in settings["type"]]
    # towncrier passes over what is named otherwise, without a word.
    wanted = re.compile(rf"(\+[\w-]+|\d+)\.({'|'.join(kinds)})\.md")
    found = sorted(file for file in folder.glob("*") if file.name != EXPLANATION)
    for file in found:
        place = file.relative_to(root)
        if not wanted.fullmatch(file.name):
            expected = f"+slug.TYPE.md, TYPE one of {', '.join(kinds)}"
            raise ReleaseError(f"{place} is no fragment: call it {expected}")
        if not file.read_text(encoding="utf-8").strip():
            raise ReleaseError(f"{place} is empty: say what changed for the user")
    if not found:
        raise ReleaseError(
            f"no fragment in {folder.relative_to(root)}: say there what changed for"
            f" the user ({EXPLANATION} beside them says how)"
        )
    return len(found)


def write_section(root: Path, version: Version) -> None:
    """Turn the fragments into the section of a release, and remove them."""
    command = [sys.executable, "-m", "towncrier", "build", "--yes"]
    done = subprocess.run(
        [*command, "--version", str(version)],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        said = last_lines(done.stdout)
        raise ReleaseError(f"towncrier could not write the changelog:\n{said}")


def _settings(root: Path) -> dict[str, Any]:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, Any] = settings["tool"]["towncrier"]
    return table
