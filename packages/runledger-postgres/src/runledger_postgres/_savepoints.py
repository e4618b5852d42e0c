"""Try a part of an operation and go on when it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ._statements import statement
from ._steps import rows
from .errors import QueryError

if TYPE_CHECKING:
    from ._steps import Steps

T = TypeVar("T")

OPEN_SAVEPOINT = statement("transactions/open_savepoint")
RELEASE_SAVEPOINT = statement("transactions/release_savepoint")
ROLLBACK_TO_SAVEPOINT = statement("transactions/rollback_to_savepoint")


def in_savepoint(steps: Steps[T], /) -> Steps[T | QueryError]:
    """
    Run *steps*; answer with the error, and without their effects, if they fail.

    Locks taken before stay. A broken connection is no such failure: it is raised.
    """
    yield from rows(OPEN_SAVEPOINT)
    outcome: T | QueryError
    try:
        outcome = yield from steps
    except QueryError as error:
        outcome = error
    if isinstance(outcome, QueryError):
        yield from rows(ROLLBACK_TO_SAVEPOINT)
    yield from rows(RELEASE_SAVEPOINT)
    return outcome
