"""Begin the next run of jobs that ended without success."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from runledger_core import JobStatus, check_text, check_uuid

from .._operation import operation
from .._statements import scoped_statement
from .._steps import maybe
from .._waits import bounded
from ..errors import QueryError
from ..records import JobRecord

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import Scope

    from .._steps import Row, Steps

REQUEUE_JOB = scoped_statement("jobs/requeue_job")
GET_JOB_STATE = scoped_statement("jobs/get_job_state")

REQUEUABLE: Final = frozenset({JobStatus.DEAD_LETTERED, JobStatus.CANCELED})


@attrs.frozen
class Requeued:
    """The next run began: the job as it is now, and its REQUEUED event."""

    job: JobRecord
    event_id: int


@attrs.frozen
class RequeueMismatch:
    """The job is not what the caller saw; nothing was written."""

    actual_status: JobStatus
    actual_run_number: int


@attrs.frozen
class RequeueNotFound:
    """There is no such job within the scope."""


RequeueOutcome: TypeAlias = Requeued | RequeueMismatch | RequeueNotFound


@operation
def requeue_job(
    job_id: UUID,
    *,
    scope: Scope,
    expected_status: JobStatus,
    expected_run_number: int,
    keep_progress: bool = False,
    reason: str | None = None,
) -> Steps[RequeueOutcome]:
    """
    Begin the next run of a job, provided it is still what the caller saw.

    The status that is expected is DEAD_LETTERED or CANCELED. The next run starts with
    all its attempts; progress and checkpoint are reset unless *keep_progress*. It is
    due at once, except after the cancellation of a running job: then not before the
    lease that was cut short would have expired, so that two handlers never meet. An
    existing dead letter stays. A repeat answers with a mismatch: the run has changed.

    Locks the job's row, for which it waits at most 5 seconds; an answer that is not
    `Requeued` keeps no lock.

    Raises:
        QueryError: ``job.workflow_requeue_not_supported`` for a job of a workflow;
            ``job.invalid_state_transition`` when a status is expected that cannot be
            requeued; ``db.query_failed`` when the row is not to be had in time.
        ValidationError: ``job.invalid_reason``, ``identifier.invalid_uuid``.
    """
    check_uuid(job_id, "job_id")
    if expected_status not in REQUEUABLE:
        raise QueryError("job.invalid_state_transition", "expected status")
    requeue, extra = REQUEUE_JOB.within(scope)
    look, _ = GET_JOB_STATE.within(scope)
    told = None if reason is None else check_text(reason, "job.invalid_reason")
    while True:
        row = yield from bounded(
            maybe(
                requeue,
                job_id=job_id,
                expected_status=JobStatus(expected_status).value,
                expected_run_number=expected_run_number,
                keep_progress=keep_progress,
                reason=told,
                **extra,
            )
        )
        if row is not None:
            return _requeued(row)
        actual = yield from maybe(look, job_id=job_id, **extra)
        if actual is None:
            return RequeueNotFound()
        mismatch = RequeueMismatch(JobStatus(actual["status"]), actual["run_number"])
        if mismatch != RequeueMismatch(expected_status, expected_run_number):
            return mismatch
        # The job came to be what is expected between the two statements. Each further
        # round needs somebody else's commit just there, so this ends.


def _requeued(row: Row) -> Requeued:
    if row["is_workflow_managed"]:
        raise QueryError("job.workflow_requeue_not_supported")
    extra = {"is_workflow_managed", "event_id", "woken_count"}
    job = JobRecord(**{name: row[name] for name in row if name not in extra})
    return Requeued(job, row["event_id"])
