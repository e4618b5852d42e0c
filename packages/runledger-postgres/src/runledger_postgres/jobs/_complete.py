"""End leased attempts: succeeded, to be retried, or dead."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from runledger_core import (
    AttemptOutcome,
    DeadLetterReason,
    JobCompletion,
    JobFailure,
    JobStatus,
    Lease,
    RetryPolicy,
    is_retryable,
)

from .._json_text import json_text_or_none
from .._operation import operation
from .._statements import skipping_statement, statement
from .._steps import rows
from ..errors import QueryError
from ..records import SettledJob
from ..workflows._job_steps import end_job_steps
from ._lease import busy_error, busy_leases, lease_columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from runledger_core import RetryDelay

    from .._steps import Row, Steps

COMPLETE_JOBS = statement("jobs/complete_jobs")
COMPLETE_FREE_JOBS = skipping_statement("jobs/complete_jobs")
DEFAULT_RETRY: Final = RetryPolicy()

_MILLISECOND: Final = timedelta(milliseconds=1)


@attrs.frozen
class SettleSuccess:
    """
    The attempt succeeded.

    Args:
        lease: which attempt.
        completion: its output, if there is any, and its last progress.
    """

    lease: Lease
    completion: JobCompletion = attrs.field(factory=JobCompletion)


@attrs.frozen
class SettleFailure:
    """
    The attempt failed.

    Args:
        lease: which attempt.
        failure: how.
        retry: how long to wait before the next attempt, if there is one.
    """

    lease: Lease
    failure: JobFailure
    retry: RetryDelay = DEFAULT_RETRY


JobSettlement: TypeAlias = SettleSuccess | SettleFailure


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
    indexes = list(firsts.values())
    chosen = [settlements[index] for index in indexes]
    complete = COMPLETE_FREE_JOBS if skip_locked else COMPLETE_JOBS
    answers = yield from rows(complete, **_columns(chosen))
    results: list[SettledJob | QueryError] = [
        QueryError("job.lease_owner_mismatch", internal=f"{settlement.lease}")
        for settlement in settlements
    ]
    unanswered = dict(firsts)
    ended_steps: list[UUID] = []
    for answer in answers:
        index = indexes[answer["position"] - 1]
        lease = settlements[index].lease
        del unanswered[lease]
        results[index] = _result(settlements[index], answer)
        if answer["is_step_ended"]:
            ended_steps.append(lease.job_id)
    if skip_locked:
        for lease in (yield from busy_leases(unanswered)):
            results[unanswered[lease]] = busy_error(lease)
    yield from end_job_steps(ended_steps)
    return results


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


def _complete_one(settlement: JobSettlement) -> Steps[SettledJob]:
    result = (yield from complete_jobs.steps([settlement]))[0]
    if isinstance(result, QueryError):
        raise result
    return result


def _result(settlement: JobSettlement, answer: Row) -> SettledJob | QueryError:
    if answer["is_progress_invalid"]:
        return QueryError("job.invalid_completion_progress")
    status = JobStatus(answer["status"])
    return SettledJob(
        lease=settlement.lease,
        status=status,
        next_run_at=answer["next_run_at"] if status is JobStatus.PENDING else None,
        dead_letter_reason=_dead_letter_reason(settlement, status),
    )


def _dead_letter_reason(
    settlement: JobSettlement, status: JobStatus
) -> DeadLetterReason | None:
    if status is not JobStatus.DEAD_LETTERED or isinstance(settlement, SettleSuccess):
        return None
    if is_retryable(settlement.failure.kind):
        return DeadLetterReason.ATTEMPTS_EXHAUSTED
    return DeadLetterReason.FAILURE_KIND_NON_RETRYABLE


def _columns(settlements: Sequence[JobSettlement]) -> dict[str, list[Any]]:
    """Turn the settlements on their side: the statement takes a list a column."""
    cells = [_cells(settlement) for settlement in settlements]
    columns = {name: [cell[name] for cell in cells] for name in cells[0]}
    return {**lease_columns([s.lease for s in settlements]), **columns}


def _cells(settlement: JobSettlement) -> dict[str, Any]:
    match settlement:
        case SettleSuccess(completion=completion):
            return {
                "outcomes": AttemptOutcome.SUCCEEDED.value,
                "outputs": json_text_or_none(completion.output),
                "checkpoints": json_text_or_none(completion.checkpoint),
                "progress_done": completion.progress_done,
                "progress_total": completion.progress_total,
                "error_codes": None,
                "error_messages": None,
                "error_details": None,
                "retry_min_ms": None,
                "retry_max_ms": None,
                "hints_ms": None,
                "hints_at": None,
            }
        case SettleFailure(lease=lease, failure=failure, retry=retry):
            shortest, longest = retry.delay_window_ms(
                job_id=lease.job_id, attempt=lease.attempt, failure_code=failure.code
            )
            return {
                "outcomes": failure.kind.value,
                "outputs": None,
                "checkpoints": None,
                "progress_done": None,
                "progress_total": None,
                "error_codes": failure.code,
                "error_messages": failure.message,
                "error_details": failure.detail,
                "retry_min_ms": shortest,
                "retry_max_ms": longest,
                **_hint(failure.not_before),
            }


def _hint(not_before: timedelta | datetime | None) -> dict[str, Any]:
    """Say the handler's own time as a delay or as an instant, or not at all."""
    if isinstance(not_before, timedelta):
        return {"hints_ms": not_before // _MILLISECOND, "hints_at": None}
    return {"hints_ms": None, "hints_at": not_before}
