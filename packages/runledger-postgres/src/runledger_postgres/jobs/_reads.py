"""Read jobs and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runledger_core import JobStatus, check_identifier

from .._operation import operation
from .._statements import scoped_statement
from .._steps import maybe, rows
from ..errors import QueryError
from ..records import (
    JobAttemptRecord,
    JobEventRecord,
    JobPage,
    JobRecord,
    JobSummary,
)

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import Scope

    from .._steps import Steps

GET_JOB = scoped_statement("jobs/get_job")
LIST_JOBS = scoped_statement("jobs/list_jobs")
LIST_JOB_EVENTS = scoped_statement("jobs/list_job_events")
LIST_JOB_ATTEMPTS = scoped_statement("jobs/list_job_attempts")
COUNT_JOBS_BY_STATUS = scoped_statement("jobs/count_jobs_by_status")

MAX_PAGE_LIMIT: Final = 1000


@operation
def get_job_by_id(job_id: UUID, *, scope: Scope) -> Steps[JobRecord | None]:
    """Read one job whole, None when there is none within *scope*."""
    statement, extra = GET_JOB.within(scope)
    row = yield from maybe(statement, job_id=job_id, **extra)
    return None if row is None else JobRecord(**row)


@operation
def list_jobs(
    *,
    scope: Scope,
    status: JobStatus | None = None,
    job_type: str | None = None,
    job_type_prefix: str | None = None,
    limit: int = 100,
    before_id: UUID | None = None,
) -> Steps[JobPage]:
    """
    List jobs within *scope*, newest first, without their payloads.

    Pass the page's ``next_before_id`` as *before_id* for the next page (limit 1 to
    1000). Jobs enqueued meanwhile do not shift the pages.

    Raises:
        QueryError: ``job.invalid_pagination``.
        ValidationError: ``identifier.*`` for a job type that cannot exist.
    """
    _check_limit(limit)
    statement, extra = LIST_JOBS.within(scope)
    if job_type is not None:
        check_identifier(job_type, "job_type")
    found = yield from rows(
        statement,
        status=None if status is None else JobStatus(status).value,
        job_type=job_type,
        job_type_prefix=job_type_prefix,
        before_id=before_id,
        limit=limit + 1,  # the one beyond tells whether there is a next page
        **extra,
    )
    items = tuple(JobSummary(**row) for row in found[:limit])
    return JobPage(items, items[-1].id if len(found) > limit else None)


@operation
def list_job_events(
    job_id: UUID, *, scope: Scope, limit: int = 100, after_id: int | None = None
) -> Steps[list[JobEventRecord]]:
    """
    List a job's events over all its runs, oldest first.

    Pass the last event's id as *after_id* for the next page (limit 1 to 1000). A job
    outside *scope* has none.

    Raises:
        QueryError: ``job.invalid_pagination``.
    """
    _check_limit(limit)
    statement, extra = LIST_JOB_EVENTS.within(scope)
    found = yield from rows(
        statement, job_id=job_id, limit=limit, after_id=after_id, **extra
    )
    return [JobEventRecord(**row) for row in found]


@operation
def list_job_attempts(job_id: UUID, *, scope: Scope) -> Steps[list[JobAttemptRecord]]:
    """List a job's attempts over all its runs, in order."""
    statement, extra = LIST_JOB_ATTEMPTS.within(scope)
    found = yield from rows(statement, job_id=job_id, **extra)
    return [JobAttemptRecord(**row) for row in found]


@operation
def count_jobs_by_status(*, scope: Scope) -> Steps[dict[JobStatus, int]]:
    """Count the jobs within *scope* in every status, zero included."""
    statement, extra = COUNT_JOBS_BY_STATUS.within(scope)
    found = yield from rows(statement, **extra)
    counted = {JobStatus(row["status"]): row["job_count"] for row in found}
    return {status: counted.get(status, 0) for status in JobStatus}


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE_LIMIT:
        raise QueryError("job.invalid_pagination")
