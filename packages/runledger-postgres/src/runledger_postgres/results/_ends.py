"""Find out whether a job or a run has ended, and what that means for its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from ..records import JobRecord
from ..workflows import WorkflowRunRecord

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import Scope

    from .._statements import ScopedStatement
    from .._steps import Row, Steps

FIND_JOB_END = scoped_statement("results/find_job_end")
FIND_RUN_END = scoped_statement("results/find_run_end")
GET_JOB = scoped_statement("jobs/get_job")
GET_JOB_STATE = scoped_statement("jobs/get_job_state")
GET_RUN = scoped_statement("workflows/get_run")
GET_RUN_STATUS = scoped_statement("results/get_run_status")
REGISTER_WAITER = statement("results/register_waiter")
SWEEP_WAITERS = statement("results/sweep_waiters")


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
    row = yield from _existing_job(FIND_JOB_END, job_id, scope)
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
    row = yield from _existing_run(FIND_RUN_END, run_id, scope)
    if row["result_step_key"] is None:
        raise QueryError("workflow.result_not_declared")
    status = WorkflowRunStatus(row["status"])
    if not status.is_terminal:
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


@operation
def get_job_status(job_id: UUID, *, scope: Scope) -> Steps[JobStatus]:
    """Read in which status a job is. Raises ``job.not_found``."""
    row = yield from _existing_job(GET_JOB_STATE, job_id, scope)
    return JobStatus(row["status"])


@operation
def get_existing_job(job_id: UUID, *, scope: Scope) -> Steps[JobRecord]:
    """Read one job whole. Raises ``job.not_found``."""
    return JobRecord(**(yield from _existing_job(GET_JOB, job_id, scope)))


@operation
def get_run_status(run_id: UUID, *, scope: Scope) -> Steps[WorkflowRunStatus]:
    """Read in which status a run is. Raises ``workflow.run_not_found``."""
    row = yield from _existing_run(GET_RUN_STATUS, run_id, scope)
    return WorkflowRunStatus(row["status"])


@operation
def get_existing_run(run_id: UUID, *, scope: Scope) -> Steps[WorkflowRunRecord]:
    """Read one run whole. Raises ``workflow.run_not_found``."""
    return WorkflowRunRecord(**(yield from _existing_run(GET_RUN, run_id, scope)))


def _existing_job(asked: ScopedStatement, job_id: UUID, scope: Scope) -> Steps[Row]:
    check_uuid(job_id, "job_id")
    chosen, extra = asked.within(scope)
    row = yield from maybe(chosen, job_id=job_id, **extra)
    if row is None:
        raise QueryError("job.not_found")
    return row


def _existing_run(asked: ScopedStatement, run_id: UUID, scope: Scope) -> Steps[Row]:
    check_uuid(run_id, "run_id")
    chosen, extra = asked.within(scope)
    row = yield from maybe(chosen, run_id=run_id, **extra)
    if row is None:
        raise QueryError("workflow.run_not_found")
    return row


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
