"""Which ranges of the listing indexes a scope covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import EverythingScope, GlobalScope

if TYPE_CHECKING:
    from runledger_core import Scope


def globalities(scope: Scope) -> list[bool]:
    """
    Return the values of ``organization_id IS NULL`` that *scope* admits.

    An organization has indexes of its own and is not asked for here.
    """
    match scope:
        case EverythingScope():
            return [True, False]
        case GlobalScope():
            return [True]
    message = f"a scope is GLOBAL, EVERYTHING or Organization(id), not {scope!r}"
    raise TypeError(message)
