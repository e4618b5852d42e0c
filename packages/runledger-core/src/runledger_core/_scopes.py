"""Say whose rows a read or a change may touch."""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID  # noqa: TC003 - cattrs resolves the hints of attrs classes

import attrs

from ._identifiers import check_uuid


def _organization_id(value: UUID) -> UUID:
    return check_uuid(value, "organization id")


@attrs.frozen
class GlobalScope:
    """Only the rows that belong to no organization; use `GLOBAL`."""


@attrs.frozen
class EverythingScope:
    """All rows, for trusted operators; use `EVERYTHING`."""


@attrs.frozen
class Organization:
    """
    Only the rows of one organization.

    Args:
        id: the organization's.

    Raises:
        ValidationError: ``identifier.invalid_uuid``.
    """

    id: UUID = attrs.field(converter=_organization_id)


# There is no None among them: that would mean "global" to one reader and "all rows"
# to another.
Scope: TypeAlias = GlobalScope | Organization | EverythingScope

GLOBAL = GlobalScope()
EVERYTHING = EverythingScope()
