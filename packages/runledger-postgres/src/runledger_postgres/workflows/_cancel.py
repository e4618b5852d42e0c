"""Cancel workflow runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runledger_core import check_text, check_uuid

from .._operation import operation
from .._statements import statement
from .._steps import one
from ._lock import lock_run, require_read_committed
from ._reads import READ_RUN
from ._records import WorkflowRunRecord
from ._settle_runs import RunDelta, update_runs
from ._stop import stop_runs

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import Scope

    from .._steps import Steps

MARK_RUN_CANCELED = statement("workflows/mark_run_canceled")

RUN_CANCELED: Final = "workflow.run_canceled"


@operation
def cancel_workflow_run(
    run_id: UUID, *, scope: Scope, reason: str | None = None
) -> Steps[WorkflowRunRecord]:
    """
    Cancel a run with everything in it that has not ended, and return it as it is now.

    Steps that have ended keep their outcome; all others are CANCELED, with *reason* in
    their ``status_reason`` (``CANCELED`` without one) and ``workflow.run_canceled`` as
    their error. Jobs that run are canceled as `cancel_job` does: nothing that their
    handlers do is written down any more, and the next heartbeat of their workers names
    them as canceled. Takes a fixed number of statements whatever the size of the run.
    A run that has ended stays as it is, so a repeat does nothing.

    Locks the run's row, then its unfinished jobs in id order, and waits for each at
    most five seconds. *reason* is stored with the jobs' events, so keep secrets out.

    Raises:
        QueryError: ``workflow.run_not_found`` within *scope*,
            ``workflow.release_conflict`` when somebody else moves the run for too
            long, ``db.query_failed`` (transient) when a job is not to be had in time,
            ``workflow.cancel_unsupported_isolation`` outside READ COMMITTED.
        ValidationError: ``workflow.invalid_reason``, ``identifier.invalid_uuid``.
    """
    check_uuid(run_id, "run_id")
    told = (
        "CANCELED" if reason is None else check_text(reason, "workflow.invalid_reason")
    )
    yield from require_read_committed("workflow.cancel_unsupported_isolation")
    run = yield from lock_run(run_id, scope=scope)
    if not run.status.is_terminal:
        yield from one(MARK_RUN_CANCELED, run_id=run_id, reason=told)
        deltas = yield from stop_runs({run_id: told}, code=RUN_CANCELED)
        yield from update_runs({run_id: RunDelta()} | deltas)
    return WorkflowRunRecord(**(yield from one(READ_RUN, run_id=run_id)))
