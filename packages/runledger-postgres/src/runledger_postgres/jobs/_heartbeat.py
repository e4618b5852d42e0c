"""Keep one lease alive, with an event each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._operation import operation
from .._statements import statement
from .._steps import maybe
from ..errors import QueryError
from ._lease import check_lease_seconds, lease_cells

if TYPE_CHECKING:
    from datetime import datetime

    from runledger_core import Lease

    from .._steps import Steps

HEARTBEAT_JOB = statement("jobs/heartbeat_job")


@operation(owns_transaction=True)
def heartbeat_job(lease: Lease, *, lease_seconds: int) -> Steps[datetime]:
    """
    Renew one lease for *lease_seconds* from now, and return its new expiry.

    Writes a HEARTBEAT event every time; a worker with many leases renews them all
    with one `heartbeat_jobs`, which writes none. A repeat renews again. Locks the
    job's row, and waits at most five seconds for it.

    Raises:
        QueryError: ``job.lease_owner_mismatch`` when the lease is no longer live: it
            expired, or the job was canceled or ended otherwise; stop its work.
            ``job.invalid_lease_duration``, ``db.transaction_not_owned``.
    """
    check_lease_seconds(lease_seconds)
    renewed = yield from maybe(
        HEARTBEAT_JOB, lease_seconds=lease_seconds, **lease_cells(lease)
    )
    if renewed is None:
        raise QueryError("job.lease_owner_mismatch", internal=f"{lease}")
    expiry: datetime = renewed["lease_expires_at"]
    return expiry
