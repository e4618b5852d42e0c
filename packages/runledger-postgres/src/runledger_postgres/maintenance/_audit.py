"""Find every broken invariant of a ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from .._operation import operation
from .._statements import statement
from .._steps import Call, batch
from ..errors import QueryError
from ._invariants import INVARIANTS
from ._legal_events import legal_event_parameters

if TYPE_CHECKING:
    from uuid import UUID

    from .._steps import Rows, Steps
    from ._invariants import Invariant

RowId: TypeAlias = "UUID | int"

_STATEMENTS: Final = tuple(
    (invariant, statement(f"audit/{invariant.name}")) for invariant in INVARIANTS
)


@attrs.frozen
class BrokenInvariant:
    """
    An invariant that does not hold, and for which rows.

    ``row_ids`` are ids of rows of *table*, in their order; ``is_complete`` is False
    when there are more of them than were asked for.
    """

    name: str
    table: str
    sentence: str
    row_ids: tuple[RowId, ...]
    is_complete: bool = True

    def __str__(self) -> str:
        """Say what should hold and where it does not."""
        more = "" if self.is_complete else " and more"
        listed = ", ".join(str(row_id) for row_id in self.row_ids)
        return f"{self.name}: {self.sentence}; not so in {self.table} {listed}{more}"


@operation
def audit_ledger(*, rows_per_invariant: int = 100) -> Steps[list[BrokenInvariant]]:
    """
    Check all that must hold between the rows of a ledger, on a live database.

    Returns the broken invariants in the order of the documented list, nothing when
    the ledger is sound, each with its first *rows_per_invariant* rows (at least 1).
    Each invariant is one statement and so sees one moment of the ledger; work that
    goes on meanwhile does not disturb it. Reads every table whole, locks nothing and
    changes nothing: on a large ledger expect minutes, and prefer a replica.

    Raises:
        QueryError: ``job.invalid_pagination``.
    """
    if rows_per_invariant < 1:
        raise QueryError("job.invalid_pagination")
    # One more than wanted tells whether there are more.
    parameters = {**legal_event_parameters(), "limit": rows_per_invariant + 1}
    answers = yield from batch(*(Call(found, parameters) for _, found in _STATEMENTS))
    return [
        _broken(invariant, rows, rows_per_invariant)
        for (invariant, _), rows in zip(_STATEMENTS, answers, strict=True)
        if rows
    ]


def _broken(invariant: Invariant, rows: Rows, wanted: int) -> BrokenInvariant:
    return BrokenInvariant(
        name=invariant.name,
        table=invariant.table,
        sentence=invariant.sentence,
        row_ids=tuple(row["id"] for row in rows[:wanted]),
        is_complete=len(rows) <= wanted,
    )
