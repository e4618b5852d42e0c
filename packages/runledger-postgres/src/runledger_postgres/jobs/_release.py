"""Give back claims whose work never began."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from runledger_core import check_text

from .._operation import operation
from .._statements import statement
from .._steps import rows
from ..errors import QueryError
from ..records import ReleasedClaim
from ._lease import busy_error, busy_leases, lease_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runledger_core import Lease

    from .._steps import Row, Steps

RELEASE_UNSTARTED_CLAIMS = statement("jobs/release_unstarted_claims")

MAX_DELAY_SECONDS: Final = (2**31 - 1) / 1000


@operation(owns_transaction=True)
def release_unstarted_claims(
    leases: Sequence[Lease], *, reason: str, delay_seconds: float = 0.0
) -> Steps[list[ReleasedClaim | QueryError]]:
    """
    Put claimed jobs whose work never began back on the queue, attempts unconsumed.

    Each becomes due again after *delay_seconds*, with the attempt number that it had
    before; the attempt's record says RELEASED until the next claim opens it again.
    A claim under which anything was written, a renewal included, did begin and is
    left alone. *reason* stands in the REQUEUED event, so keep secrets out.

    A result for each lease, in order: the released claim, or why it was left alone
    (``job.lease_owner_mismatch``, which is also a repeat's answer, or
    ``job.unstarted_claim_release_not_applicable``, or the transient ``job.busy`` when
    somebody else holds the job's row at this moment). Locks the jobs' rows and waits
    for none.

    Raises:
        QueryError: ``job.invalid_release_delay``, ``db.transaction_not_owned``.
        ValidationError: ``job.invalid_reason``.
    """
    told = check_text(reason, "job.invalid_reason")
    if not 0 <= delay_seconds <= MAX_DELAY_SECONDS:
        raise QueryError("job.invalid_release_delay")
    if not leases:
        return []
    distinct = list(dict.fromkeys(leases))
    answers = yield from rows(
        RELEASE_UNSTARTED_CLAIMS,
        reason=told,
        delay_ms=math.ceil(delay_seconds * 1000),
        **lease_columns(distinct),
    )
    found = {distinct[answer["position"] - 1]: answer for answer in answers}
    busy = yield from busy_leases([lease for lease in distinct if lease not in found])
    return [
        busy_error(lease) if lease in busy else _result(lease, found.pop(lease, None))
        for lease in leases
    ]


def _result(lease: Lease, answer: Row | None) -> ReleasedClaim | QueryError:
    if answer is None:
        return QueryError("job.lease_owner_mismatch", internal=f"{lease}")
    if answer["next_run_at"] is None:
        return QueryError(
            "job.unstarted_claim_release_not_applicable", internal=f"{lease}"
        )
    return ReleasedClaim(lease, answer["next_run_at"])
