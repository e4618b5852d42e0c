"""Lock a run: whoever moves its steps holds its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID  # noqa: TC003 - attrs resolves it at run time

import attrs

from runledger_core import WorkflowRunStatus

from .._statements import scoped_statement, statement
from .._steps import one
from ..errors import QueryError

if TYPE_CHECKING:
    from runledger_core import Scope

    from .._steps import Steps

LOCK_RUN = scoped_statement("workflows/lock_run")
READ_ISOLATION = statement("workflows/read_isolation")

LOCK_NOT_AVAILABLE: Final = "55P03"


@attrs.frozen
class LockedRun:
    """A run whose row is locked, until the transaction ends."""

    id: UUID
    status: WorkflowRunStatus = attrs.field(converter=WorkflowRunStatus)
    organization_id: UUID | None
    workflow_type: str
    fail_fast: bool
    result_step_key: str | None


def lock_run(run_id: UUID, *, scope: Scope) -> Steps[LockedRun]:
    """
    Lock the row of a run, for which it waits at most five seconds.

    It is the first lock that an operation on one run takes: see the page about the
    order. The next statement sees all that was done by whoever held it before.

    Raises:
        QueryError: ``workflow.run_not_found`` within *scope*;
            ``workflow.release_conflict``, transient, when somebody holds it for longer.
    """
    lock, extra = LOCK_RUN.within(scope)
    try:
        found = yield from one(lock, run_id=run_id, **extra)
    except QueryError as error:
        if error.sqlstate != LOCK_NOT_AVAILABLE:
            raise
        raise QueryError(
            "workflow.release_conflict",
            internal=f"run {run_id}",
            sqlstate=error.sqlstate,
        ) from error
    if found["id"] is None:
        raise QueryError("workflow.run_not_found")
    return LockedRun(**found)


def require_read_committed(code: str) -> Steps[None]:
    """
    Refuse with *code* where a statement cannot see what an earlier one waited for.

    Under a snapshot for the whole transaction the steps of a run would be read as they
    were before its lock was waited for.
    """
    found = yield from one(READ_ISOLATION)
    if not found["is_read_committed"]:
        raise QueryError(code)
