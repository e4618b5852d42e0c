"""What an operation asks of its driver: statements, one at a time or in a batch."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import attrs

from ._statements import Statement  # noqa: TC001 - attrs resolves it
from .errors import QueryError

T = TypeVar("T")

Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Sequence[Row]


@attrs.frozen
class Call:
    """
    One statement with its parameters.

    ``params=None`` sends the text as it is, without a place for parameters, which
    is what lets a migration hold many statements. With *as_tuples* it is answered with
    tuples in place of mappings: for many rows at a time, the names cost more than what
    they name.

    With *commits* it is a whole transaction by itself where it begins one of the
    operation's own: a single statement does not need BEGIN and COMMIT, which are two
    more round trips. It must be able to stand without what follows.
    """

    statement: Statement
    params: Mapping[str, object] | None = None
    as_tuples: bool = False
    commits: bool = False

    @property
    def arguments(self) -> list[object] | None:
        """The parameters by their places, as the statement numbers them."""
        if self.params is None:
            return None
        return [self.params[name] for name in self.statement.parameters]


@attrs.frozen
class Batch:
    """Statements that do not need each other's answers: one round trip."""

    calls: tuple[Call, ...]


@attrs.frozen
class Copy:
    """A COPY ... FROM STDIN with the rows that go in; answered with their number."""

    statement: Statement
    rows: Iterable[Sequence[object]] = attrs.field(repr=False)


Step: TypeAlias = Call | Batch | Copy
Steps: TypeAlias = Generator[Step, Any, T]
"""An operation's body: yields steps, is sent rows, returns its result."""


def rows(statement: Statement, /, **params: object) -> Steps[Rows]:
    """Ask for all rows."""
    found: Rows = yield Call(statement, params)
    return found


def tuples(
    statement: Statement, /, **params: object
) -> Steps[Sequence[tuple[Any, ...]]]:
    """Ask for all rows, each as a tuple of its columns."""
    found: Sequence[tuple[Any, ...]] = yield Call(statement, params, as_tuples=True)
    return found


def committed_tuples(
    statement: Statement, /, **params: object
) -> Steps[Sequence[tuple[Any, ...]]]:
    """Ask for tuples, and commit at once where the transaction is our own."""
    call = Call(statement, params, as_tuples=True, commits=True)
    found: Sequence[tuple[Any, ...]] = yield call
    return found


def committed(statement: Statement, /, **params: object) -> Steps[Row | None]:
    """Ask for one row or none, and commit at once where the transaction is our own."""
    found: Rows = yield Call(statement, params, commits=True)
    return _one_or_none(statement, found)


def maybe(statement: Statement, /, **params: object) -> Steps[Row | None]:
    """Ask for one row or none."""
    found = yield from rows(statement, **params)
    return _one_or_none(statement, found)


def one(statement: Statement, /, **params: object) -> Steps[Row]:
    """Ask for exactly one row."""
    found = yield from rows(statement, **params)
    if len(found) != 1:
        raise _unexpected(statement, "one row", len(found))
    return found[0]


def batch(*calls: Call) -> Steps[Sequence[Rows]]:
    """Ask for the rows of several statements in one round trip."""
    answers: Sequence[Rows] = yield Batch(calls)
    return answers


def copy(statement: Statement, rows: Iterable[Sequence[object]], /) -> Steps[int]:
    """
    Send rows as they come, none of them kept, and return how many there were.

    What *rows* raises ends the COPY and the transaction, and reaches the caller.
    """
    count: int = yield Copy(statement, rows)
    return count


def script(statement: Statement, /) -> Steps[None]:
    """Run a text of several statements that takes no parameters."""
    yield Call(statement)


def _one_or_none(statement: Statement, found: Rows) -> Row | None:
    if len(found) > 1:
        raise _unexpected(statement, "at most one row", len(found))
    return found[0] if found else None


def _unexpected(statement: Statement, wanted: str, count: int) -> QueryError:
    return QueryError(
        "db.unexpected_row_count",
        internal=f"{statement.name}: expected {wanted}, got {count}",
    )
