"""
Build the sdists and wheels of all distributions, and tell whether they are current.

    python scripts/artifacts.py build [FOLDER]
    python scripts/artifacts.py verify [FOLDER]

The folder is dist/ unless another is named. Beside the artifacts it holds
BUILT_FROM.json, which says what they were built from, and SHA256SUMS over all of that:
whoever uses them can tell that they are the ones that were tested. Why they are built
as they are stands in docs/design/packaging.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
CHECKSUMS = "SHA256SUMS"
RECORD = "BUILT_FROM.json"
# What hatchling reads in the folder of a distribution. Tests and examples stay behind.
PARTS = ("LICENSE", "README.md", "hatch_build.py", "pyproject.toml", "src")
# The first says which folders are distributions, the second is part of every sdist.
ROOT_PARTS = ("pyproject.toml", ".gitignore")
# Of what .gitignore names, this is all that appears inside of src.
BYPRODUCTS = ("__pycache__",)


class BuildError(Exception):
    """Why there are no artifacts: one sentence, and what the build has said."""

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.output = output


@attrs.frozen
class Distribution:
    """One of the four, as its pyproject.toml describes it."""

    name: str
    version: str
    folder: Path

    @property
    def sdist(self) -> str:
        """The file name of its source distribution."""
        return f"{self.name.replace('-', '_')}-{self.version}.tar.gz"

    @property
    def wheel(self) -> str:
        """The file name of its wheel."""
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"


def distributions(root: Path = ROOT) -> list[Distribution]:
    """Return the distributions, each after those that it depends on."""
    folders = _table(root / "pyproject.toml")["tool"]["runledger"]["distributions"]
    found = []
    for folder in (root / str(place) for place in folders):
        project = _table(folder / "pyproject.toml")["project"]
        found.append(Distribution(project["name"], project["version"], folder))
    return found


def artifact_names(root: Path = ROOT) -> list[str]:
    """Return the file names of all artifacts, in the order of their dependencies."""
    return [name for one in distributions(root) for name in (one.sdist, one.wheel)]


def source_digests(root: Path = ROOT) -> dict[str, str]:
    """Return a SHA-256 for every part of the source from which artifacts are made."""
    digests = {
        one.folder.relative_to(root).as_posix(): _digest_of_files(
            one.folder, [one.folder / part for part in PARTS]
        )
        for one in distributions(root)
    }
    for name in ROOT_PARTS:
        digests[name] = _digest_of_files(root, [root / name])
    return digests


def build(folder: Path, *, root: Path = ROOT) -> list[Path]:
    """
    Build all artifacts into a folder, replacing what an earlier build has left there.

    The same source gives the same bytes: time comes from the commit that last changed
    it, and the order and modes of files from hatchling. The folder is replaced at the
    end only, so a build that fails leaves the one before.
    """
    _refuse_foreign(folder, root)
    folder.parent.mkdir(parents=True, exist_ok=True)
    digests = source_digests(root)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as place:
        fresh = Path(place) / "dist"
        fresh.mkdir()
        epoch = _source_date_epoch(root)
        for one in distributions(root):
            _build_one(one, fresh, root, epoch)
        if source_digests(root) != digests:
            raise BuildError("the source has changed during the build: build again")
        _seal(fresh, root, digests, epoch)
        if folder.exists():
            folder.rename(Path(place) / "before")
        fresh.rename(folder)
    return [folder / name for name in artifact_names(root)]


def verify(folder: Path, *, root: Path = ROOT) -> list[str]:
    """
    Say what is wrong with a folder of artifacts, a sentence for each fault.

    An empty list means: exactly the files that were built, unchanged, from exactly the
    source that is here.
    """
    sums = checksums(folder)
    if not sums:
        return [f"{folder} has no {CHECKSUMS}: nothing was built there"]
    faults = []
    names = {file.name for file in folder.iterdir()} - {CHECKSUMS}
    for name in sorted(names | sums.keys()):
        if name not in names:
            faults.append(f"{name} is missing")
        elif name not in sums:
            faults.append(f"{name} is foreign: {CHECKSUMS} does not name it")
        elif _sha256(folder / name) != sums[name]:
            faults.append(f"{name} was changed after the build")
    wanted = {*artifact_names(root), RECORD}
    for name in sorted(wanted ^ sums.keys()):
        state = "was not built" if name in wanted else "is of another version"
        faults.append(f"{name} {state}")
    if RECORD in names and RECORD in sums:
        recorded = read_record(folder).get("source", {})
        present = source_digests(root)
        faults += [
            f"the source is newer than the build: {part} has changed"
            for part in sorted(recorded.keys() | present.keys())
            if recorded.get(part) != present.get(part)
        ]
    return faults


def checksums(folder: Path) -> dict[str, str]:
    """Return the recorded SHA-256 of every file; nothing when there is no record."""
    listing = folder / CHECKSUMS
    if not listing.is_file():
        return {}
    lines = listing.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("  ") for line in lines)
    return {name: digest for digest, _, name in pairs}


def read_record(folder: Path) -> dict[str, Any]:
    """Return what the artifacts were built from; nothing when that cannot be read."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _build_one(one: Distribution, fresh: Path, root: Path, epoch: str | None) -> None:
    """Build the sdist of one distribution, and the wheel from that sdist."""
    # Not isolated: the backend is the one that is recorded, and nothing is downloaded.
    command = [sys.executable, "-m", "build", "--no-isolation"]
    done = subprocess.run(
        [*command, "--outdir", str(fresh), str(one.folder)],
        cwd=root,
        env=_environment(epoch),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"{one.name} could not be built", output=done.stdout)
    missing = [name for name in (one.sdist, one.wheel) if not (fresh / name).is_file()]
    if missing:
        message = f"{one.name}: the build has not made {' and '.join(missing)}"
        raise BuildError(message, output=done.stdout)


def _environment(epoch: str | None) -> dict[str, str]:
    """Return the environment of a build: its time is the source's, or hatchling's."""
    environment = dict(os.environ)
    environment.pop("SOURCE_DATE_EPOCH", None)
    if epoch is not None:
        environment["SOURCE_DATE_EPOCH"] = epoch
    return environment


def _seal(fresh: Path, root: Path, digests: dict[str, str], epoch: str | None) -> None:
    """Write down what the artifacts were built from, and the sums over everything."""
    record = {
        "versions": {one.name: one.version for one in distributions(root)},
        # For people: an uncommitted change is seen in the digests alone.
        "commit": _git(root, "rev-parse", "HEAD"),
        "source_date_epoch": epoch,
        "source": digests,
        "built_with": {name: version(name) for name in ("build", "hatchling")},
    }
    text = json.dumps(record, indent=2) + "\n"
    (fresh / RECORD).write_text(text, encoding="utf-8")
    # As sha256sum writes it: `sha256sum --check SHA256SUMS` works in the folder.
    names = sorted(file.name for file in fresh.iterdir())
    lines = [f"{_sha256(fresh / name)}  {name}\n" for name in names]
    (fresh / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def _refuse_foreign(folder: Path, root: Path) -> None:
    """Refuse to replace a folder in which somebody keeps other things."""
    if not folder.exists():
        return
    ours = tuple(one.name.replace("-", "_") + "-" for one in distributions(root))
    foreign = [
        file.name
        for file in sorted(folder.iterdir())
        if file.name not in {CHECKSUMS, RECORD} and not file.name.startswith(ours)
    ]
    if foreign:
        names = ", ".join(foreign)
        raise BuildError(f"{folder} holds what no build has put there: {names}")


def _source_date_epoch(root: Path) -> str | None:
    """Return the time of the commit that last changed the source, if there is one."""
    folders = [str(one.folder / part) for one in distributions(root) for part in PARTS]
    return _git(root, "log", "-1", "--format=%ct", "--", *ROOT_PARTS, *folders)


def _git(root: Path, *arguments: str) -> str | None:
    """Return what git says about this repository, or None where there is none."""
    if not (root / ".git").exists():
        return None
    command = ["git", *arguments]
    try:
        said = subprocess.check_output(
            command, cwd=root, stderr=subprocess.DEVNULL, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.strip() or None


def _digest_of_files(base: Path, places: list[Path]) -> str:
    """Return one SHA-256 over the names and contents of files and whole folders."""
    digest = hashlib.sha256()
    for file in sorted(file for place in places for file in _files(place)):
        digest.update(file.relative_to(base).as_posix().encode() + b"\0")
        digest.update(bytes.fromhex(_sha256(file)))
    return digest.hexdigest()


def _files(place: Path) -> Iterator[Path]:
    """Yield a file, or every file below a folder."""
    if place.is_file():
        yield place
    elif place.is_dir():
        for file in place.rglob("*"):
            if file.is_file() and not any(part in BYPRODUCTS for part in file.parts):
                yield file


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _table(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def main() -> int:
    """Build or verify; print what was done, or what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["build", "verify"])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.absolute()
    if arguments.action == "build":
        try:
            built = build(folder)
        except BuildError as error:
            print(f"{error.output}artifacts.py: {error}", file=sys.stderr)
            return 1
        for file in built:
            print(f"{_sha256(file)}  {file.name}")
        return 0
    faults = verify(folder)
    for fault in faults:
        print(f"artifacts.py: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
