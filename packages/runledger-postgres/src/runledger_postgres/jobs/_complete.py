"""End leased attempts: succeeded, to be retried, or dead."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from runledger_core import (
    AttemptOutcome,
    DeadLetterReason,
    JobCompletion,
    JobFailure,
    JobStatus,
    Lease,
    is_retryable,
)

from .._array_text import plain_column, text_column
from .._json_text import json_text_or_none
from .._operation import operation
from .._statements import skipping_statement, statement
from .._steps import tuples
from ..errors import QueryError
from ..records import SettledJob
from ..workflows._job_steps import end_job_steps
from ._complete_plain import are_plain, complete_plain_jobs
from ._lease import busy_error, busy_leases, lease_columns
from ._settlements import DEFAULT_RETRY, SettleFailure, SettleSuccess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from runledger_core import RetryDelay

    from .._steps import Steps
    from ._settlements import JobSettlement

COMPLETE_JOBS = statement("jobs/complete_jobs")
COMPLETE_FREE_JOBS = skipping_statement("jobs/complete_jobs")

_MILLISECOND: Final = timedelta(milliseconds=1)
_STATUSES: Final = {status.value: status for status in JobStatus}


@operation(owns_transaction=True)
def complete_jobs(
    settlements: Sequence[JobSettlement], *, skip_locked: bool = False
) -> Steps[list[SettledJob | QueryError]]:
    """
    End many attempts in one transaction, with a result for each, in order.

    A result is the settled job, or why that one was left alone:
    ``job.lease_owner_mismatch`` when its lease is no longer live, for its owner as
    for anyone, and ``job.invalid_completion_progress``. The others are not touched by
    it. A lease that comes twice is settled once. A job that is a step of a workflow
    ends its step, and its run goes on in the same transaction.

    Locks the runs of such jobs in id order, then the jobs, and waits at most five
    seconds for each. With *skip_locked* it waits for none of them: what others hold is
    left alone and answered with the transient ``job.busy``.

    Raises:
        QueryError: ``workflow.terminal_completion_unsupported_isolation`` when a
            workflow's job ends outside READ COMMITTED, ``db.query_failed`` (transient)
            when a row is not to be had in time, ``db.transaction_not_owned``.
    """
    firsts: dict[Lease, int] = {}
    for index, settlement in enumerate(settlements):
        firsts.setdefault(settlement.lease, index)
    if not firsts:
        return []
    chosen = [settlements[index] for index in firsts.values()]
    if are_plain(chosen):
        results = yield from complete_plain_jobs(chosen, skip_locked=skip_locked)
    else:
        results = yield from _complete_any_jobs(chosen, skip_locked=skip_locked)
    if skip_locked:
        yield from _name_busy(chosen, results)
    answered = dict(zip(firsts.values(), results, strict=True))
    return [
        answered.get(index) or _not_held(settlement.lease)
        for index, settlement in enumerate(settlements)
    ]


@operation(owns_transaction=True)
def complete_job_success(
    lease: Lease, completion: JobCompletion | None = None
) -> Steps[SettledJob]:
    """
    Record success under a live lease.

    Writes output, checkpoint and final progress; what *completion* leaves out keeps
    its stored value, the output aside. A repeat fails: the lease ended with the first.

    Raises:
        QueryError: ``job.lease_owner_mismatch``,
            ``job.invalid_completion_progress``, ``db.transaction_not_owned``.
    """
    settlement = SettleSuccess(lease, completion or JobCompletion())
    return (yield from _complete_one(settlement))


@operation(owns_transaction=True)
def complete_job_failure(
    lease: Lease, failure: JobFailure, *, retry: RetryDelay = DEFAULT_RETRY
) -> Steps[SettledJob]:
    """
    Record failure under a live lease, and decide between retry and dead letter.

    TERMINAL and PANICKED failures, and the last of the job's ``max_attempts`` as the
    database knows it, go to the dead letters; others become due again after *retry*'s
    delay, or at the failure's own `not_before` where that is later.
    A repeat fails: the lease ended with the first.

    Raises:
        QueryError: ``job.lease_owner_mismatch``, ``db.transaction_not_owned``.
    """
    return (yield from _complete_one(SettleFailure(lease, failure, retry)))


def _complete_any_jobs(
    settlements: Sequence[JobSettlement], *, skip_locked: bool
) -> Steps[list[SettledJob | QueryError | None]]:
    """End jobs by whatever outcomes, and their steps; None for those not held."""
    complete = COMPLETE_FREE_JOBS if skip_locked else COMPLETE_JOBS
    answers = yield from tuples(complete, **_columns(settlements))
    results: list[SettledJob | QueryError | None] = [None] * len(settlements)
    ended_steps: list[UUID] = []
    for position, status, next_run_at, is_progress_invalid, is_step_ended, _ in answers:
        settlement = settlements[position - 1]
        results[position - 1] = (
            QueryError("job.invalid_completion_progress")
            if is_progress_invalid
            else _settled(settlement, _STATUSES[status], next_run_at)
        )
        if is_step_ended:
            ended_steps.append(settlement.lease.job_id)
    yield from end_job_steps(ended_steps)
    return results


def _name_busy(
    settlements: Sequence[JobSettlement], results: list[SettledJob | QueryError | None]
) -> Steps[None]:
    """Put ``job.busy`` where there is no result although the lease is live."""
    unanswered = {
        settlement.lease: index
        for index, settlement in enumerate(settlements)
        if results[index] is None
    }
    for lease in (yield from busy_leases(unanswered)):
        results[unanswered[lease]] = busy_error(lease)


def _complete_one(settlement: JobSettlement) -> Steps[SettledJob]:
    result = (yield from complete_jobs.steps([settlement]))[0]
    if isinstance(result, QueryError):
        raise result
    return result


def _settled(
    settlement: JobSettlement, status: JobStatus, next_run_at: datetime
) -> SettledJob:
    if status is JobStatus.SUCCEEDED:
        return SettledJob(settlement.lease, status)
    return SettledJob(
        lease=settlement.lease,
        status=status,
        next_run_at=next_run_at if status is JobStatus.PENDING else None,
        dead_letter_reason=_dead_letter_reason(settlement, status),
    )


def _not_held(lease: Lease) -> QueryError:
    return QueryError("job.lease_owner_mismatch", internal=f"{lease}")


def _dead_letter_reason(
    settlement: JobSettlement, status: JobStatus
) -> DeadLetterReason | None:
    if status is not JobStatus.DEAD_LETTERED or isinstance(settlement, SettleSuccess):
        return None
    if is_retryable(settlement.failure.kind):
        return DeadLetterReason.ATTEMPTS_EXHAUSTED
    return DeadLetterReason.FAILURE_KIND_NON_RETRYABLE


def _columns(settlements: Sequence[JobSettlement]) -> dict[str, str]:
    """Turn the settlements on their side: the statement takes an array a column."""
    cells = zip(*map(_cells, settlements), strict=True)
    columns = {
        name: column(values)
        for (name, column), values in zip(_CELLS.items(), cells, strict=True)
    }
    return {**lease_columns([s.lease for s in settlements]), **columns}


_CELLS: Final[Mapping[str, Callable[[Sequence[Any]], str]]] = {
    "outcomes": plain_column,
    "outputs": text_column,
    "checkpoints": text_column,
    "progress_done": plain_column,
    "progress_total": plain_column,
    "error_codes": text_column,
    "error_messages": text_column,
    "error_details": text_column,
    "retry_min_ms": plain_column,
    "retry_max_ms": plain_column,
    "hints_ms": plain_column,
    "hints_at": text_column,
}
"""Which parameters a settlement gives values to, in order, and how each is written."""

_NO_FAILURE: Final = (None,) * 7
_NO_COMPLETION: Final = (None,) * 4


def _cells(settlement: JobSettlement) -> tuple[Any, ...]:
    if isinstance(settlement, SettleSuccess):
        completion = settlement.completion
        return (
            AttemptOutcome.SUCCEEDED,
            json_text_or_none(completion.output),
            json_text_or_none(completion.checkpoint),
            completion.progress_done,
            completion.progress_total,
            *_NO_FAILURE,
        )
    lease, failure = settlement.lease, settlement.failure
    shortest, longest = settlement.retry.delay_window_ms(
        job_id=lease.job_id, attempt=lease.attempt, failure_code=failure.code
    )
    return (
        failure.kind,
        *_NO_COMPLETION,
        failure.code,
        failure.message,
        failure.detail,
        shortest,
        longest,
        *_hint(failure.not_before),
    )


def _hint(not_before: timedelta | datetime | None) -> tuple[int | None, str | None]:
    """Say the handler's own time as a delay or as an instant, or not at all."""
    if isinstance(not_before, timedelta):
        return not_before // _MILLISECOND, None
    return None, None if not_before is None else not_before.isoformat()
