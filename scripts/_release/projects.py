"""The files of a prepared release: whose they are, and whether they are untouched."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import attrs
from artifacts import distributions

from .errors import ReleaseError

if TYPE_CHECKING:
    from pathlib import Path

    from .record import Record
    from .repository import Repository

WHEEL = ".whl"


@attrs.define
class Artifact:
    """A file of the release, and what is known of it on the index."""

    path: Path
    sha256: str
    is_published: bool = False
    # An upload of it was begun, and nobody has said how it ended.
    is_unclear: bool = False

    @property
    def name(self) -> str:
        """Its file name, which the index keeps."""
        return self.path.name


@attrs.frozen
class Project:
    """One of the distributions, with its wheel and then its sdist."""

    name: str
    artifacts: tuple[Artifact, ...]

    @property
    def wheel(self) -> Artifact:
        """What installers download."""
        return next(one for one in self.artifacts if one.name.endswith(WHEEL))

    @property
    def is_published(self) -> bool:
        """Tell whether the index has all of it."""
        return all(one.is_published for one in self.artifacts)


def prepared_projects(repository: Repository, record: Record) -> list[Project]:
    """Return what a release consists of, in the order in which it is published."""
    if not record.files:
        command = f"python3 scripts/prepare_release.py {record.version}"
        raise ReleaseError(f"{record.version} is not prepared here: {command}")
    projects = []
    for one in distributions(repository.root):
        stem = f"{one.name.replace('-', '_')}-{record.version}"
        # The wheel first: an installer that found the sdist alone would build.
        names = sorted(
            (name for name in record.files if name.startswith(stem)),
            key=lambda name: not name.endswith(WHEEL),
        )
        artifacts = [
            Artifact(repository.dist / name, record.files[name]) for name in names
        ]
        projects.append(Project(one.name, tuple(artifacts)))
    return projects


def check_untouched(artifacts: list[Artifact], version: str) -> None:
    """Refuse to publish anything else than what was tested."""
    faults = []
    for one in artifacts:
        if not one.path.is_file():
            faults.append(f"    {one.name} is missing")
        elif hashlib.sha256(one.path.read_bytes()).hexdigest() != one.sha256:
            faults.append(f"    {one.name} is not the file that was tested")
    if faults:
        raise ReleaseError(
            "dist/ is not what was prepared:\n" + "\n".join(faults) + "\n    "
            f"python3 scripts/prepare_release.py {version} restores it"
        )
