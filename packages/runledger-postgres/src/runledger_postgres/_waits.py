"""
Bound how long an operation waits for locks in a transaction that may be the caller's.

The bound is set before the first lock and taken back after the last statement, so that
the caller's transaction goes on as it was. When the operation fails, the savepoint it
ran in takes the setting back with everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from ._statements import statement
from ._steps import one

if TYPE_CHECKING:
    from ._steps import Steps

T = TypeVar("T")

BOUND_LOCK_WAITS = statement("session/bound_lock_waits")
RESTORE_LOCK_WAITS = statement("session/restore_lock_waits")

LOCK_WAIT_SECONDS: Final = 5


def bounded(steps: Steps[T], *, seconds: float = LOCK_WAIT_SECONDS) -> Steps[T]:
    """Run *steps*, none of which waits longer for a lock; a stricter bound is kept."""
    before = yield from one(BOUND_LOCK_WAITS, seconds=seconds)
    result = yield from steps
    yield from one(RESTORE_LOCK_WAITS, previous=before["previous"])
    return result
