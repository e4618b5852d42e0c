"""Tell why a job does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._operation import operation
from .._statements import scoped_statement
from .._steps import maybe
from ._explanation import JOBS_AHEAD_CAP, JobExplanation

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import Scope

    from .._steps import Steps

EXPLAIN_JOB = scoped_statement("jobs/explain_job")


@operation
def explain_job(job_id: UUID, *, scope: Scope) -> Steps[JobExplanation | None]:
    """
    Tell why a job is not running, or how it ended; None when *scope* has no such job.

    The answer holds for one instant of the database's clock, which it names. What it
    reads is bounded whatever stands in the queue. Locks nothing.
    """
    chosen, extra = EXPLAIN_JOB.within(scope)
    row = yield from maybe(chosen, job_id=job_id, cap=JOBS_AHEAD_CAP, **extra)
    return None if row is None else JobExplanation(**row)
