"""Count jobs without reading them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runledger_core import EVERYTHING, JobStatus, Organization, check_identifier

from .._operation import operation
from .._statements import statement
from .._steps import rows
from ..errors import QueryError
from ..records import CountPrecision, StatusCount
from ._scope_ranges import globalities

if TYPE_CHECKING:
    from runledger_core import Scope

    from .._steps import Steps

COUNT_JOBS_BY_STATUS = statement("jobs/count_jobs_by_status")
COUNT_ORGANIZATION_JOBS_BY_STATUS = statement("jobs/count_organization_jobs_by_status")
ESTIMATE_JOBS_BY_STATUS = statement("jobs/estimate_jobs_by_status")
MAX_EXACT: Final = 1_000_000


@operation
def count_jobs_by_status(
    *, scope: Scope, job_type: str | None = None, exact_up_to: int = 10_000
) -> Steps[dict[JobStatus, StatusCount]]:
    """
    Count the jobs within *scope* in every status, zero included.

    Up to *exact_up_to* (0 to 1,000,000) a count is exact. Beyond it the counting stops,
    so that it takes the same time whatever the queue: EVERYTHING is then estimated
    from the server's statistics, and other scopes and job types are known to be at
    least that many. Locks nothing.

    Raises:
        QueryError: ``job.invalid_count_limit``.
        ValidationError: ``identifier.*`` for a job type that cannot exist.
    """
    if not 0 <= exact_up_to <= MAX_EXACT:
        raise QueryError("job.invalid_count_limit")
    if job_type is not None:
        check_identifier(job_type, "job_type")
    if isinstance(scope, Organization):
        found = yield from rows(
            COUNT_ORGANIZATION_JOBS_BY_STATUS,
            organization_id=scope.id,
            job_type=job_type,
            cap=exact_up_to,
        )
    else:
        found = yield from rows(
            COUNT_JOBS_BY_STATUS,
            globalities=globalities(scope),
            job_type=job_type,
            cap=exact_up_to,
        )
    counted = {JobStatus(row["status"]): row["job_count"] for row in found}
    estimates: dict[JobStatus, int] = {}
    if scope == EVERYTHING and job_type is None and max(counted.values()) > exact_up_to:
        known = yield from rows(ESTIMATE_JOBS_BY_STATUS)
        estimates = {JobStatus(row["status"]): row["job_count"] for row in known}
    return {
        status: _judged(counted[status], exact_up_to, estimates.get(status))
        for status in JobStatus
    }


def _judged(counted: int, exact_up_to: int, estimate: int | None) -> StatusCount:
    if counted <= exact_up_to:
        return StatusCount(counted, CountPrecision.EXACT)
    if estimate is None:
        return StatusCount(counted, CountPrecision.AT_LEAST)
    return StatusCount(max(counted, estimate), CountPrecision.ESTIMATED)
