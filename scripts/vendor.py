"""
Copy the canonical migrations and the build hook into every distribution.

``python3 scripts/vendor.py`` writes; with ``--check`` it only compares, and exits with
status 1 when something differs. Standard library only, so that it runs anywhere.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKSUMS = "SHA256SUMS"
HOOK = "hatch_build.py"
MENDING = "run `nox -s vendor` (or `python3 scripts/vendor.py`) and commit the result"


def main() -> int:
    """Write or check everything that is vendored."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    try:
        wanted = wanted_files(ROOT)
    except (OSError, LookupError) as error:
        print(f"vendor.py: {error}", file=sys.stderr)
        return 1
    outdated = sorted(file for file in wanted if read(file) != wanted[file])
    stray = sorted(stray_files(ROOT, wanted))
    if arguments.check:
        return report(outdated, stray)
    for file in stray:
        file.unlink()
        print(f"removed {file.relative_to(ROOT)}")
    for file in outdated:
        file.write_bytes(wanted[file])
        print(f"wrote {file.relative_to(ROOT)}")
    return 0


def wanted_files(root: Path) -> dict[Path, bytes]:
    """Return every vendored file of the repository with the content it should have."""
    settings = repository_settings(root)
    canonical = root / str(settings["canonical-migrations"])
    migrations = {file.name: file.read_bytes() for file in canonical.glob("*.sql")}
    if not migrations:
        message = f"no *.sql file in {canonical}"
        raise LookupError(message)
    # As sha256sum writes it: `sha256sum --check SHA256SUMS` works in the folder.
    lines = (
        f"{hashlib.sha256(migrations[name]).hexdigest()}  {name}\n"
        for name in sorted(migrations)
    )
    checksums = {CHECKSUMS: "".join(lines).encode()}
    wanted = {canonical / CHECKSUMS: checksums[CHECKSUMS]}
    for project in distributions(root):
        wanted[project / HOOK] = (root / "scripts" / HOOK).read_bytes()
        for name, content in (migrations | checksums).items():
            wanted[vendored_folder(project) / name] = content
    return wanted


def stray_files(root: Path, wanted: dict[Path, bytes]) -> set[Path]:
    """Find the .sql files in the copies that the repository does not have."""
    folders = (vendored_folder(project) for project in distributions(root))
    return {file for folder in folders for file in folder.glob("*.sql")} - set(wanted)


def distributions(root: Path) -> list[Path]:
    """Return the folders of the distributions."""
    return [root / str(place) for place in repository_settings(root)["distributions"]]


def vendored_folder(project: Path) -> Path:
    """Return where a distribution keeps its copy."""
    (module,) = project.glob("src/*/__init__.py")
    return module.parent / "migrations"


def repository_settings(root: Path) -> dict[str, list[str]]:
    """Read the table that the build hook reads too."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    settings: dict[str, list[str]] = tomllib.loads(text)["tool"]["runledger"]
    return settings


def read(file: Path) -> bytes | None:
    """Read a file that may be missing."""
    return file.read_bytes() if file.is_file() else None


def report(outdated: list[Path], stray: list[Path]) -> int:
    """Name what differs and how to mend it."""
    for file in outdated:
        state = "differs" if file.is_file() else "is missing"
        print(f"{file.relative_to(ROOT)} {state}", file=sys.stderr)
    for file in stray:
        print(f"{file.relative_to(ROOT)} should not be there", file=sys.stderr)
    if outdated or stray:
        print(f"vendor.py: {MENDING}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
