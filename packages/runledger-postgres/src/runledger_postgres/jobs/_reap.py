"""Take jobs back from workers that stopped renewing their leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from runledger_core import CODES, DeadLetterReason, JobStatus, Lease

from .._operation import operation
from .._savepoints import in_savepoint
from .._statements import statement
from .._steps import maybe, rows
from ..errors import QueryError
from ..records import DeferredLease, ReapedLease, ReapReport
from ..workflows._job_steps import end_job_steps
from ._lease import lease_cells, lease_columns
from ._settlements import DEFAULT_RETRY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from runledger_core import RetryDelay

    from .._steps import Row, Steps

LOCK_EXPIRED_LEASES = statement("jobs/lock_expired_leases")
LOCK_FREE_RUNS = statement("workflows/lock_free_runs")
REAP_JOBS = statement("jobs/reap_jobs")
DEFER_EXPIRED_LEASE = statement("jobs/defer_expired_lease")

MAX_REAP_LIMIT: Final = 1000
MAX_TOLD_DEFERRALS: Final = 16

_CODE: Final = "job.lease_expired"
_MIN_DEFERRAL_MS: Final = 1000


@attrs.frozen
class _Expired:
    """A lease that expired and whose row is locked."""

    lease: Lease
    job_type: str
    organization_id: UUID | None
    max_attempts: int
    started_without_renewal_heartbeat: bool
    retry_min_ms: int
    retry_max_ms: int
    run_ending_with_it: UUID | None
    """The run whose step ends together with the job's last attempt."""


@operation(owns_transaction=True)
def reap_expired_leases(
    *,
    limit: int,
    retry: Mapping[str, RetryDelay] | None = None,
    default_retry: RetryDelay = DEFAULT_RETRY,
) -> Steps[ReapReport]:
    """
    End up to *limit* (1 to 1000) attempts whose leases expired, the oldest first.

    A job with attempts left becomes due again after the delay of its type's policy in
    *retry*, or of *default_retry*, for the code ``job.lease_expired``; one without
    becomes a dead letter. A job whose row the database refuses to change is put off
    by its longest delay, so that it does not hold up the others. Call again while the
    report has more.

    Locks the jobs' rows and steps over those that others hold: several reapers share
    the work and never do a job twice. A dead letter ends the step that it is a job of,
    and its run goes on in the same transaction; while somebody else holds the run, the
    job is left for another pass.

    Raises:
        QueryError: ``job.invalid_reap_limit``, ``db.transaction_not_owned``.
    """
    if not 1 <= limit <= MAX_REAP_LIMIT:
        raise QueryError("job.invalid_reap_limit")
    policies = retry or {}
    found = yield from rows(LOCK_EXPIRED_LEASES, limit=limit)
    expired = yield from _with_their_runs(
        [_expired(row, policies.get(row["job_type"], default_retry)) for row in found]
    )
    if not expired:
        return ReapReport()
    reaped, deferred = yield from _reap_apart(expired)
    # Rows that could not even be put off come back first. Whoever calls again because
    # of them alone would turn in a circle.
    moved = len(reaped) + sum(one.deferred_until is not None for one in deferred)
    return ReapReport(
        reaped,
        deferred=deferred[:MAX_TOLD_DEFERRALS],
        deferred_count=len(deferred),
        has_more=len(found) == limit and moved > 0,
    )


def _with_their_runs(expired: Sequence[_Expired]) -> Steps[list[_Expired]]:
    """Lock the runs that go on without these jobs; leave out those that are held."""
    wanted = {one.run_ending_with_it for one in expired} - {None}
    if not wanted:
        return list(expired)
    free = yield from rows(LOCK_FREE_RUNS, run_ids=list(wanted))
    held = wanted - {row["id"] for row in free}
    return [one for one in expired if one.run_ending_with_it not in held]


def _reap_apart(
    expired: Sequence[_Expired],
) -> Steps[tuple[tuple[ReapedLease, ...], tuple[DeferredLease, ...]]]:
    """Reap all in one statement; where one spoils it for all, look for it by halves."""
    outcome = yield from in_savepoint(_reap(expired))
    if not isinstance(outcome, QueryError):
        return outcome, ()
    if len(expired) == 1:
        return (), ((yield from _defer(expired[0], outcome)),)
    middle = len(expired) // 2
    reaped, deferred = yield from _reap_apart(expired[:middle])
    more_reaped, more_deferred = yield from _reap_apart(expired[middle:])
    return reaped + more_reaped, deferred + more_deferred


def _reap(expired: Sequence[_Expired]) -> Steps[tuple[ReapedLease, ...]]:
    answers = yield from rows(
        REAP_JOBS,
        retry_min_ms=[one.retry_min_ms for one in expired],
        retry_max_ms=[one.retry_max_ms for one in expired],
        unrenewed=[one.started_without_renewal_heartbeat for one in expired],
        error_code=_CODE,
        error_message=CODES[_CODE].problem,
        **lease_columns([one.lease for one in expired]),
    )
    reaped = [
        (expired[answer["position"] - 1], answer)
        for answer in sorted(answers, key=lambda answer: int(answer["position"]))
    ]
    yield from end_job_steps(
        [one.lease.job_id for one, _ in reaped if one.run_ending_with_it is not None]
    )
    return tuple(_reaped(one, answer) for one, answer in reaped)


def _defer(one: _Expired, error: QueryError) -> Steps[DeferredLease]:
    """Put the row off; if it takes not even that, say so and leave it."""
    postponed = yield from in_savepoint(
        maybe(
            DEFER_EXPIRED_LEASE,
            delay_ms=max(one.retry_max_ms, _MIN_DEFERRAL_MS),
            **lease_cells(one.lease),
        )
    )
    until: datetime | None = None
    if not isinstance(postponed, QueryError) and postponed is not None:
        until = postponed["lease_expires_at"]
    return DeferredLease(
        lease=one.lease,
        job_type=one.job_type,
        code=error.code,
        sqlstate=error.sqlstate,
        deferred_until=until,
    )


def _expired(row: Row, retry: RetryDelay) -> _Expired:
    lease = Lease(
        job_id=row["job_id"],
        run_number=row["run_number"],
        attempt=row["attempt"],
        worker_id=row["worker_id"],
    )
    shortest, longest = retry.delay_window_ms(
        job_id=lease.job_id, attempt=lease.attempt, failure_code=_CODE
    )
    return _Expired(
        lease=lease,
        job_type=row["job_type"],
        organization_id=row["organization_id"],
        max_attempts=row["max_attempts"],
        started_without_renewal_heartbeat=row["started_without_renewal_heartbeat"],
        retry_min_ms=shortest,
        retry_max_ms=longest,
        run_ending_with_it=(
            row["workflow_run_id"] if lease.attempt >= row["max_attempts"] else None
        ),
    )


def _reaped(one: _Expired, answer: Row) -> ReapedLease:
    is_last: bool = answer["is_last"]
    return ReapedLease(
        lease=one.lease,
        job_type=one.job_type,
        organization_id=one.organization_id,
        max_attempts=one.max_attempts,
        status=JobStatus.DEAD_LETTERED if is_last else JobStatus.PENDING,
        next_run_at=answer["next_run_at"],
        dead_letter_reason=DeadLetterReason.LEASE_EXPIRED if is_last else None,
        started_without_renewal_heartbeat=one.started_without_renewal_heartbeat,
        payload=answer["payload"],
        checkpoint=answer["checkpoint"],
    )
