"""Keep leases alive while their jobs run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runledger_core import Lease

from .._array_text import array_text, text_column, uuid_array
from .._operation import operation
from .._statements import statement
from .._steps import Call, batch, rows
from ..errors import QueryError
from ..records import HeartbeatReport

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .._steps import Row, Steps

HEARTBEAT_JOBS = statement("jobs/heartbeat_jobs")
LIST_CANCELED_LEASES = statement("jobs/list_canceled_leases")
LIST_LIVE_LEASES = statement("jobs/list_live_leases")

LOCK_NOT_AVAILABLE: Final = "55P03"
"""What PostgreSQL says of a row that somebody else holds."""


@operation(owns_transaction=True)
def heartbeat_jobs(
    leases: Sequence[Lease], *, lease_seconds: int
) -> Steps[HeartbeatReport]:
    """
    Renew leases for *lease_seconds* from now, all in one statement.

    The report has each lease once: renewed, with its new expiry; busy, because somebody
    else holds the job's row at this moment; canceled, because somebody canceled the
    job; or lost, because it expired, was reaped, or the job ended otherwise. Stop the
    work of what is canceled or lost, it is over for good; ask again for what is busy
    while its lease lives. Writes no event. Locks the jobs' rows and waits for none.

    Raises:
        QueryError: ``job.invalid_lease_duration``, ``db.transaction_not_owned``.
    """
    check_lease_seconds(lease_seconds)
    if not leases:
        return HeartbeatReport()
    rows_renewed = yield from rows(
        HEARTBEAT_JOBS, lease_seconds=lease_seconds, **lease_columns(leases)
    )
    renewed = {_lease(row): row["lease_expires_at"] for row in rows_renewed}
    missing = frozenset(leases).difference(renewed)
    if not missing:
        return HeartbeatReport(renewed)
    columns = lease_columns(list(missing))
    rows_canceled, rows_live = yield from batch(
        Call(LIST_CANCELED_LEASES, columns), Call(LIST_LIVE_LEASES, columns)
    )
    canceled = frozenset(_lease(row) for row in rows_canceled)
    busy = frozenset(_lease(row) for row in rows_live) - canceled
    return HeartbeatReport(renewed, canceled, missing - canceled - busy, busy)


def lease_columns(leases: Sequence[Lease]) -> Mapping[str, str]:
    """Turn leases on their side: statements take an array a column."""
    return {
        "job_ids": uuid_array([lease.job_id for lease in leases]),
        "run_numbers": array_text([lease.run_number for lease in leases]),
        "attempts": array_text([lease.attempt for lease in leases]),
        "worker_ids": text_column([lease.worker_id for lease in leases]),
    }


def lease_cells(lease: Lease) -> Mapping[str, Any]:
    """Name the values of one lease as the statements for one do."""
    return {
        "job_id": lease.job_id,
        "run_number": lease.run_number,
        "attempt": lease.attempt,
        "worker_id": lease.worker_id,
    }


def busy_leases(leases: Collection[Lease]) -> Steps[frozenset[Lease]]:
    """
    Return those that are live: a statement that skips locked rows passed them over.

    For leases that the statement before this one did not answer.
    """
    if not leases:
        return frozenset()
    found = yield from rows(LIST_LIVE_LEASES, **lease_columns(list(leases)))
    return frozenset(_lease(row) for row in found)


def busy_error(lease: Lease) -> QueryError:
    """Say that somebody else holds the job; the same call may succeed soon."""
    return QueryError("job.busy", internal=f"{lease}", sqlstate=LOCK_NOT_AVAILABLE)


def check_lease_seconds(lease_seconds: int) -> None:
    """Refuse a lease that would be over before it begins."""
    if lease_seconds <= 0:
        raise QueryError("job.invalid_lease_duration")


def _lease(row: Row) -> Lease:
    return Lease(
        job_id=row["job_id"],
        run_number=row["run_number"],
        attempt=row["attempt"],
        worker_id=row["worker_id"],
    )
