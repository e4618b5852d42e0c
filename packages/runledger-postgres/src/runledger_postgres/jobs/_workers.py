"""Know which workers are there, and what they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import check_identifier

from .._operation import operation
from .._statements import statement
from .._steps import rows
from ._lease import check_lease_seconds

if TYPE_CHECKING:
    from collections.abc import Collection

    from .._steps import Steps

ANNOUNCE_WORKER = statement("workers/announce_worker")
WITHDRAW_WORKER = statement("workers/withdraw_worker")


@operation(owns_transaction=True)
def announce_worker(
    *, worker_id: str, job_types: Collection[str], ttl_seconds: int
) -> Steps[None]:
    """
    Say that a worker is there and claims jobs of these types.

    It counts as alive for *ttl_seconds*; repeat the call well before that. Nothing is
    claimed or kept from being claimed by it: it is what ``explain_job`` looks at when
    it is asked why a job does not run. Locks the worker's own row.

    Raises:
        QueryError: ``job.invalid_lease_duration``, ``db.transaction_not_owned``.
        ValidationError: ``identifier.*`` for the worker id.
    """
    check_identifier(worker_id, "worker_id")
    check_lease_seconds(ttl_seconds)
    yield from rows(
        ANNOUNCE_WORKER,
        worker_id=worker_id,
        job_types=sorted(job_types),
        ttl_seconds=ttl_seconds,
    )


@operation(owns_transaction=True)
def withdraw_worker(worker_id: str) -> Steps[None]:
    """
    Say that a worker has ended. A repeat does nothing; locks the worker's own row.

    Raises:
        QueryError: ``db.transaction_not_owned``.
        ValidationError: ``identifier.*`` for the worker id.
    """
    check_identifier(worker_id, "worker_id")
    yield from rows(WITHDRAW_WORKER, worker_id=worker_id)
