"""End external gates whose deadlines have passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID  # noqa: TC003 - attrs resolves these at run time

import attrs

from runledger_core import CODES, WorkflowStepStatus

from .._operation import operation
from .._savepoints import in_savepoint
from .._statements import statement
from .._steps import rows
from ..errors import QueryError
from ._propagate import EndedStep, propagate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._steps import Steps

LOCK_DUE_GATES = statement("workflows/lock_due_gates")
EXPIRE_GATES = statement("workflows/expire_gates")

MAX_DEADLINE_LIMIT: Final = 1000
MAX_TOLD_REFUSALS: Final = 16

_CODE: Final = "workflow.gate_deadline_passed"


@attrs.frozen
class ExpiredGate:
    """A gate that its deadline ended, and what it became."""

    step_id: UUID
    workflow_run_id: UUID
    step_key: str
    status: WorkflowStepStatus = attrs.field(converter=WorkflowStepStatus)


@attrs.frozen
class RefusedGate:
    """A gate that could not be ended, because its run could not be moved, and why."""

    step_id: UUID
    code: str
    sqlstate: str | None


@attrs.frozen
class DeadlineReport:
    """
    What one pass over the deadlines did.

    ``refused`` tells of the first 16 gates that could not be ended, ``refused_count``
    has them all; they stay open and are met again by the next pass. ``has_more`` asks
    for another pass at once: there may be more to do.
    """

    expired: tuple[ExpiredGate, ...] = ()
    refused: tuple[RefusedGate, ...] = attrs.field(default=(), kw_only=True)
    refused_count: int = attrs.field(default=0, kw_only=True)
    has_more: bool = attrs.field(default=False, kw_only=True)


@operation(owns_transaction=True)
def expire_gate_deadlines(*, limit: int) -> Steps[DeadlineReport]:
    """
    End up to *limit* (1 to 1000) open gates whose deadlines have passed.

    Each takes the outcome that its deadline names, with
    ``workflow.gate_deadline_passed`` as its reason (and as its error code, unless it
    succeeds), and its run goes on in the same transaction. The longest overdue come
    first. Where the database refuses to move a run, its gate stays open and the others
    are ended all the same. A repeat does nothing.

    Locks the runs' rows and steps over those that others hold, so several loops share
    the work; a gate whose run is held is due at the next pass.

    Raises:
        QueryError: ``workflow.invalid_deadline_limit``, ``db.transaction_not_owned``.
    """
    if not 1 <= limit <= MAX_DEADLINE_LIMIT:
        raise QueryError("workflow.invalid_deadline_limit")
    due = yield from rows(LOCK_DUE_GATES, limit=limit)
    if not due:
        return DeadlineReport()
    expired, refused = yield from _expire_apart([row["id"] for row in due])
    return DeadlineReport(
        expired,
        refused=refused[:MAX_TOLD_REFUSALS],
        refused_count=len(refused),
        # Gates that are refused come back first. Whoever calls again because of them
        # alone would turn in a circle.
        has_more=len(due) == limit and len(refused) < len(due),
    )


def _expire_apart(
    step_ids: Sequence[UUID],
) -> Steps[tuple[tuple[ExpiredGate, ...], tuple[RefusedGate, ...]]]:
    """End all together; where one spoils it for all, look for it by halves."""
    outcome = yield from in_savepoint(_expire(step_ids))
    if not isinstance(outcome, QueryError):
        return outcome, ()
    if len(step_ids) == 1:
        refused = RefusedGate(step_ids[0], outcome.code, outcome.sqlstate)
        return (), (refused,)
    middle = len(step_ids) // 2
    expired, refusals = yield from _expire_apart(step_ids[:middle])
    more_expired, more_refusals = yield from _expire_apart(step_ids[middle:])
    return expired + more_expired, refusals + more_refusals


def _expire(step_ids: Sequence[UUID]) -> Steps[tuple[ExpiredGate, ...]]:
    found = yield from rows(
        EXPIRE_GATES,
        step_ids=list(step_ids),
        code=_CODE,
        message=CODES[_CODE].problem,
    )
    expired = tuple(
        ExpiredGate(row["id"], row["workflow_run_id"], row["step_key"], row["status"])
        for row in found
    )
    if expired:
        yield from propagate(
            [
                EndedStep(
                    step_id=gate.step_id,
                    run_id=gate.workflow_run_id,
                    status=gate.status,
                    previous=WorkflowStepStatus.WAITING_FOR_EXTERNAL,
                )
                for gate in expired
            ]
        )
    return expired
