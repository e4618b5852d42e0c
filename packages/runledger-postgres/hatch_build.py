"""
Refuse to build a distribution whose vendored migrations have drifted.

``scripts/hatch_build.py`` is the source; ``scripts/vendor.py`` copies it beside each
distribution's pyproject.toml, because a build backend sees that folder and no other.

In the repository the copy is compared with the canonical migrations. An unpacked
source distribution has no repository around it, so there the copy is compared with
the checksums recorded in it.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CHECKSUMS = "SHA256SUMS"
MENDING = "run `nox -s vendor` (or `python3 scripts/vendor.py`) in the repository"


class MigrationDriftHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before every sdist, wheel and editable build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fail the build when the vendored copy is not what it should be."""
        del version, build_data
        project = Path(self.root)
        problems = find_drift(project)
        if problems:
            listing = "".join(f"\n  {problem}" for problem in problems)
            message = (
                f"{self.metadata.name}: the vendored migrations have drifted:"
                f"{listing}\nTo mend it {MENDING}."
            )
            raise RuntimeError(message)


def find_drift(project: Path) -> list[str]:
    """Say what is wrong with the vendored copy of *project*, a line for each file."""
    copies = sorted(project.glob("src/*/migrations"))
    if len(copies) != 1:
        return [f"src/*/migrations: expected one folder, found {len(copies)}"]
    vendored = _contents(copies[0])
    place = copies[0].relative_to(project).as_posix()
    canonical = canonical_folder(project)
    if canonical is None:
        return _differences(vendored, _recorded(vendored), place, "its checksum")
    expected = _contents(canonical)
    if not any(name.endswith(".sql") for name in expected):
        return [f"{canonical}: the repository's migrations are not there"]
    wanted = {name: _digest(content) for name, content in expected.items()}
    differences = _differences(vendored, wanted, place, "the repository's")
    # A root whose checksums are stale would vendor copies that no sdist accepts.
    stale = _differences(expected, _recorded(expected), "migrations", "its checksum")
    return differences + stale


def canonical_folder(project: Path) -> Path | None:
    """
    Return the repository's migrations, or None outside of this repository.

    Some other repository may well have a folder named packages. This one says in its
    root pyproject.toml which folders are its distributions.
    """
    root = project.parent.parent
    try:
        settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    ours = settings.get("tool", {}).get("runledger", {})
    if project.relative_to(root).as_posix() not in ours.get("distributions", ()):
        return None
    return root / str(ours["canonical-migrations"])


def _contents(folder: Path) -> dict[str, bytes]:
    """Read the files that are vendored: every .sql file and the checksums."""
    files = [*folder.glob("*.sql"), *folder.glob(CHECKSUMS)]
    return {file.name: file.read_bytes() for file in sorted(files)}


def _recorded(contents: dict[str, bytes]) -> dict[str, str]:
    """Return the digest that each file should have by the checksums beside it."""
    listing = contents.get(CHECKSUMS)
    if listing is None:
        return {CHECKSUMS: "a file that is not there"}
    lines = listing.decode("utf-8", errors="replace").splitlines()
    pairs = (line.partition("  ") for line in lines)
    # The list cannot vouch for itself.
    return {name: digest for digest, _, name in pairs} | {CHECKSUMS: _digest(listing)}


def _differences(
    found: dict[str, bytes], wanted: dict[str, str], place: str, standard: str
) -> list[str]:
    problems: list[str] = []
    for name in sorted(found.keys() | wanted.keys()):
        if name not in found:
            problems.append(f"{place}/{name} is missing")
        elif name not in wanted:
            problems.append(f"{place}/{name} should not be there")
        elif _digest(found[name]) != wanted[name]:
            problems.append(f"{place}/{name} differs from {standard}")
    return problems


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
