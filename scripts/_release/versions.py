"""The one version of the four distributions: what it may become, where it stands."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from artifacts import distributions
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from .errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TAG_PREFIX = "v"
PARTS = 3
VERSION_LINE = re.compile(r'^version = "[^"]*"$', re.MULTILINE)


def parse_release(text: str) -> Version:
    """Return the version that is to be released, if it can be."""
    try:
        version = Version(text)
    except InvalidVersion:
        message = f"{text!r} is no version (PEP 440): write X.Y.Z, such as 0.3.0"
        raise ReleaseError(message) from None
    if version.is_devrelease or version.local is not None or version.epoch:
        raise ReleaseError(
            f"{text} is a version for development: release X.Y.Z, or X.Y.ZrcN"
        )
    if len(version.release) != PARTS:
        raise ReleaseError(f"{text} has not three numbers: write X.Y.Z")
    if str(version) != text:
        raise ReleaseError(f"{text} is written {version} in PEP 440: use that")
    return version


def tag_of(version: Version) -> str:
    """Return the name of a version's tag."""
    return f"{TAG_PREFIX}{version}"


def check_goes_up(version: Version, *, current: Version, tags: Iterable[str]) -> None:
    """Refuse a version that does not come after what is there and what was released."""
    if version <= current:
        raise ReleaseError(
            f"{version} does not go up: the distributions are at {current}"
        )
    released = [found for tag in tags if (found := _version_of_tag(tag)) is not None]
    if released and version <= max(released):
        raise ReleaseError(f"{version} does not go up: {max(released)} has a tag")


def read_version(root: Path) -> Version:
    """Return the version of the four: it must be one, and so their pins."""
    found = {one.name: one.version for one in distributions(root)}
    if len(set(found.values())) != 1:
        listing = ", ".join(f"{name} {version}" for name, version in found.items())
        raise ReleaseError(f"the distributions have several versions: {listing}")
    (version,) = set(found.values())
    _check_siblings(root, version)
    return Version(version)


def write_version(root: Path, version: Version) -> None:
    """Set the version of every distribution, and the one it wants of its siblings."""
    names = "|".join(re.escape(one.name) for one in distributions(root))
    sibling = re.compile(rf'^(\s*"(?:{names}))[~=<>!][^"]*"', re.MULTILINE)
    for one in distributions(root):
        file = one.folder / "pyproject.toml"
        text, count = VERSION_LINE.subn(
            f'version = "{version}"', file.read_text(encoding="utf-8")
        )
        if count != 1:
            raise ReleaseError(f"{file} has not one line version = ..., but {count}")
        text = sibling.sub(rf'\g<1>=={version}"', text)
        file.write_text(text, encoding="utf-8")
    if read_version(root) != version:
        raise ReleaseError(f"the versions could not be set to {version}")


def next_development(version: Version) -> Version:
    """Return what the distributions are called between this release and the next."""
    major, minor, micro = version.release
    if version.is_prerelease:
        # After 0.4.0rc1 comes 0.4.0rc2, or 0.4.0.
        assert version.pre is not None  # noqa: S101 - for the type checker
        kind, number = version.pre
        return Version(f"{version.base_version}{kind}{number + 1}.dev0")
    return Version(f"{major}.{minor}.{micro + 1}.dev0")


def _version_of_tag(tag: str) -> Version | None:
    """Return the version that a tag names, or None for tags of other kinds."""
    if not tag.startswith(TAG_PREFIX):
        return None
    try:
        return Version(tag.removeprefix(TAG_PREFIX))
    except InvalidVersion:
        return None


def _check_siblings(root: Path, version: str) -> None:
    """Refuse pins of other versions, and an order in which nothing can be published."""
    ours = {one.name for one in distributions(root)}
    published: set[str] = set()
    for one in distributions(root):
        text = (one.folder / "pyproject.toml").read_text(encoding="utf-8")
        project = tomllib.loads(text)["project"]
        for required in map(Requirement, project["dependencies"]):
            name = canonicalize_name(required.name)
            if name not in ours:
                continue
            if str(required.specifier) != f"=={version}":
                raise ReleaseError(
                    f"{one.name} requires {required}: siblings are required as"
                    f" {name}=={version}, the version that they are released with"
                )
            if name not in published:
                raise ReleaseError(
                    f"{one.name} comes before {name}, which it requires:"
                    " mend the order of [tool.runledger] distributions"
                )
        published.add(one.name)
