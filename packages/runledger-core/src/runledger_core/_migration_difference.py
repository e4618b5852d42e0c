"""Compare the migrations of two distributions, or of a distribution and a database."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from ._migration_set import Migration  # noqa: TC001 - cattrs resolves the hints

if TYPE_CHECKING:
    from ._migration_set import MigrationSet


class MigrationDifferenceKind(StrEnum):
    """Say in what way two sets disagree about a version."""

    ONLY_IN_FIRST = "ONLY_IN_FIRST"
    """The second set does not have the version."""
    ONLY_IN_SECOND = "ONLY_IN_SECOND"
    """The first set does not have the version."""
    NAME = "NAME"
    """Both have the version, under different names."""
    CHECKSUM = "CHECKSUM"
    """Both have the version under one name, with different content."""


_CLAUSES = {
    MigrationDifferenceKind.ONLY_IN_FIRST: "is only in the first set",
    MigrationDifferenceKind.ONLY_IN_SECOND: "is only in the second set",
    MigrationDifferenceKind.NAME: "has another name in each set",
    MigrationDifferenceKind.CHECKSUM: "has other content in each set",
}


@attrs.frozen
class MigrationDifference:
    """Name one version about which two sets disagree; its str is a clause."""

    version: int
    kind: MigrationDifferenceKind
    first: Migration | None
    second: Migration | None

    def __str__(self) -> str:
        return f"{self.version} {_CLAUSES[self.kind]}"


def compare_migrations(
    first: MigrationSet, second: MigrationSet
) -> list[MigrationDifference]:
    """Return every version about which the sets disagree, ascending; empty if none."""
    first_by_version = {each.version: each for each in first.migrations}
    second_by_version = {each.version: each for each in second.migrations}
    differences = []
    for version in sorted(first_by_version.keys() | second_by_version.keys()):
        one = first_by_version.get(version)
        other = second_by_version.get(version)
        kind = _kind_of_difference(one, other)
        if kind is not None:
            differences.append(MigrationDifference(version, kind, one, other))
    return differences


def _kind_of_difference(
    first: Migration | None, second: Migration | None
) -> MigrationDifferenceKind | None:
    if second is None:
        return MigrationDifferenceKind.ONLY_IN_FIRST
    if first is None:
        return MigrationDifferenceKind.ONLY_IN_SECOND
    if first.name != second.name:
        return MigrationDifferenceKind.NAME
    if first.checksum != second.checksum:
        return MigrationDifferenceKind.CHECKSUM
    return None
