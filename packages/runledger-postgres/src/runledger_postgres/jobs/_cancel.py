"""Cancel jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import check_text, check_uuid

from .._operation import operation
from .._statements import scoped_statement
from .._steps import Call, batch
from .._waits import bounded
from ..errors import QueryError
from ..records import JobRecord
from ..workflows._job_steps import end_job_steps

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import Scope

    from .._steps import Steps

LOCK_RUN_OF_JOB = scoped_statement("workflows/lock_run_of_job")
LOCK_JOB = scoped_statement("jobs/lock_job")
CANCEL_JOB = scoped_statement("jobs/cancel_job")


@operation
def cancel_job(
    job_id: UUID, *, scope: Scope, reason: str | None = None
) -> Steps[JobRecord]:
    """
    Cancel a job that has not ended, and return it as it is now.

    A job that runs is CANCELED at once and its lease ends with it: nothing that its
    handler does is written down any more, and the next heartbeat of its worker names
    the lease as canceled. *reason* stands in ``status_reason`` (``CANCELED`` without
    one) and in the event, so keep secrets out. A repeat fails: the job has ended.
    A job that is a step of a workflow cancels its step, and its run goes on without it
    in the same transaction. Locks the run's row, if there is one, then the job's, and
    waits for each at most 5 seconds.

    Raises:
        QueryError: ``job.not_found`` within *scope*,
            ``job.invalid_state_transition`` (says which status it ended in),
            ``workflow.terminal_completion_unsupported_isolation`` for a job of a
            workflow outside READ COMMITTED,
            ``db.query_failed`` when a row is not to be had in time.
        ValidationError: ``job.invalid_reason``, ``identifier.invalid_uuid``.
    """
    check_uuid(job_id, "job_id")
    told = None if reason is None else check_text(reason, "job.invalid_reason")
    lock_run, extra = LOCK_RUN_OF_JOB.within(scope)
    lock, _ = LOCK_JOB.within(scope)
    cancel, _ = CANCEL_JOB.within(scope)
    runs, found, canceled = yield from bounded(
        batch(
            Call(lock_run, {"job_id": job_id, **extra}),
            Call(lock, {"job_id": job_id, **extra}),
            Call(cancel, {"job_id": job_id, "reason": told, **extra}),
        )
    )
    if not found:
        raise QueryError("job.not_found")
    if not canceled:
        raise QueryError("job.invalid_state_transition", f"it is {found[0]['status']}")
    if runs:
        yield from end_job_steps([job_id])
    return JobRecord(**canceled[0])
