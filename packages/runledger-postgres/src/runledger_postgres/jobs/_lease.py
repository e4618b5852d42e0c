"""Keep leases alive while their jobs run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runledger_core import Lease

from .._operation import operation
from .._statements import statement
from .._steps import rows
from ..errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from .._steps import Steps

HEARTBEAT_JOBS = statement("jobs/heartbeat_jobs")


@operation(owns_transaction=True)
def heartbeat_jobs(
    leases: Sequence[Lease], *, lease_seconds: int
) -> Steps[dict[Lease, datetime]]:
    """
    Renew leases for *lease_seconds* from now, all in one statement.

    Returns the new expiry of every lease that was still live. One that is missing is
    lost for good: it expired, was reaped, or the job ended otherwise; stop its work.
    Writes no event. Locks the jobs' rows in id order.

    Raises:
        QueryError: ``job.invalid_lease_duration``, ``db.transaction_not_owned``.
    """
    check_lease_seconds(lease_seconds)
    if not leases:
        return {}
    renewed = yield from rows(
        HEARTBEAT_JOBS, lease_seconds=lease_seconds, **lease_columns(leases)
    )
    return {
        Lease(
            job_id=row["job_id"],
            run_number=row["run_number"],
            attempt=row["attempt"],
            worker_id=row["worker_id"],
        ): row["lease_expires_at"]
        for row in renewed
    }


def lease_columns(leases: Sequence[Lease]) -> Mapping[str, list[Any]]:
    """Turn leases on their side: statements take a list a column."""
    return {
        "job_ids": [lease.job_id for lease in leases],
        "run_numbers": [lease.run_number for lease in leases],
        "attempts": [lease.attempt for lease in leases],
        "worker_ids": [lease.worker_id for lease in leases],
    }


def check_lease_seconds(lease_seconds: int) -> None:
    """Refuse a lease that would be over before it begins."""
    if lease_seconds <= 0:
        raise QueryError("job.invalid_lease_duration")
