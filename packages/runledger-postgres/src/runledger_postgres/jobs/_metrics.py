"""How the queue is doing, per organization and job type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import check_identifier

from .._operation import operation
from .._statements import scoped_statement
from .._steps import rows
from ._records import JobMetricsRecord

if TYPE_CHECKING:
    from runledger_core import Scope

    from .._steps import Steps

GET_JOB_METRICS = scoped_statement("jobs/get_job_metrics")


@operation
def get_job_metrics(
    *, scope: Scope, job_type: str | None = None
) -> Steps[list[JobMetricsRecord]]:
    """
    Count what waits, runs, succeeded and failed, by organization and job type.

    A row for each pair that has unfinished jobs or had any activity in the last 24
    hours. Reads all of both, so it is for dashboards, not for loops. Locks nothing.

    Raises:
        ValidationError: ``identifier.*`` for a job type that cannot exist.
    """
    if job_type is not None:
        check_identifier(job_type, "job_type")
    read, extra = GET_JOB_METRICS.within(scope)
    found = yield from rows(read, job_type=job_type, **extra)
    return [JobMetricsRecord(**row) for row in found]
