"""Find out whether a job or a run has ended, and what that means for its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from runledger_core import (
    JobStatus,
    JsonValue,
    WorkflowRunStatus,
    check_uuid,
)

from .._operation import operation
from .._statements import scoped_statement, statement
from .._steps import Call, batch, maybe
from ..errors import QueryError, ResultUnsuccessfulError

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import Scope

    from .._steps import Steps

FIND_JOB_END = scoped_statement("results/find_job_end")
FIND_RUN_END = scoped_statement("results/find_run_end")
REGISTER_WAITER = statement("results/register_waiter")
SWEEP_WAITERS = statement("results/sweep_waiters")

_RUN_TERMINAL: Final = WorkflowRunStatus.terminal()


@attrs.frozen
class Result:
    """What a job or a run that succeeded left behind; None is a result too."""

    value: JsonValue = attrs.field(repr=False)


@operation
def find_job_result(job_id: UUID, *, scope: Scope) -> Steps[Result | None]:
    """
    Read the output of a job; None while it has not ended.

    A job that succeeded without an output has the result None. Locks nothing.

    Raises:
        QueryError: ``job.not_found`` within *scope*.
        ResultUnsuccessfulError: ``job.result_unsuccessful_terminal``.
        ValidationError: ``identifier.invalid_uuid``.
    """
    check_uuid(job_id, "job_id")
    chosen, extra = FIND_JOB_END.within(scope)
    row = yield from maybe(chosen, job_id=job_id, **extra)
    if row is None:
        raise QueryError("job.not_found")
    status = JobStatus(row["status"])
    if status is JobStatus.SUCCEEDED:
        return Result(row["output"])
    if status.is_terminal:
        raise ResultUnsuccessfulError(
            "job.result_unsuccessful_terminal",
            status=status,
            reason=row["status_reason"],
            error_code=row["last_error_code"],
            error_message=row["last_error_message"],
        )
    return None


@operation
def find_run_result(run_id: UUID, *, scope: Scope) -> Steps[Result | None]:
    """
    Read the output of a run's result step; None while the run has not ended.

    Locks nothing.

    Raises:
        QueryError: ``workflow.run_not_found`` within *scope*,
            ``workflow.result_not_declared`` when the run names no result step,
            ``workflow.result_missing`` when that step succeeded without an output.
        ResultUnsuccessfulError: ``workflow.result_unsuccessful_terminal``.
        ValidationError: ``identifier.invalid_uuid``.
    """
    check_uuid(run_id, "run_id")
    chosen, extra = FIND_RUN_END.within(scope)
    row = yield from maybe(chosen, run_id=run_id, **extra)
    if row is None:
        raise QueryError("workflow.run_not_found")
    if row["result_step_key"] is None:
        raise QueryError("workflow.result_not_declared")
    status = WorkflowRunStatus(row["status"])
    if status not in _RUN_TERMINAL:
        return None
    if status is not WorkflowRunStatus.SUCCEEDED:
        raise ResultUnsuccessfulError(
            "workflow.result_unsuccessful_terminal",
            status=status,
            reason=row["status_reason"],
        )
    if row["result"] is None:
        raise QueryError("workflow.result_missing")
    return Result(row["result"])


@operation(owns_transaction=True)
def register_result_waiter(target_id: UUID, *, ttl_seconds: float) -> Steps[None]:
    """
    Ask to be notified when a job or a run ends, for *ttl_seconds*.

    Whoever ends it sends a notification on ``runledger_job_terminal`` or
    ``runledger_workflow_run_terminal``. Look at it again after this: what ended before
    notified nobody. A repeat prolongs. Takes expired registrations away.

    Commits by itself, so that those who end jobs see it.

    Raises:
        QueryError: ``db.transaction_not_owned``.
        ValidationError: ``identifier.invalid_uuid``.
    """
    check_uuid(target_id, "target_id")
    yield from batch(
        Call(REGISTER_WAITER, {"target_id": target_id, "ttl_seconds": ttl_seconds}),
        Call(SWEEP_WAITERS, {}),
    )
