"""Read jobs and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from runledger_core import EVERYTHING, JobStatus, Organization, check_identifier

from .._operation import operation
from .._statements import scoped_statement, statement
from .._steps import maybe, rows
from ..errors import QueryError
from ..records import (
    JobAttemptRecord,
    JobEventRecord,
    JobPage,
    JobRecord,
    JobSummary,
    KeyedJobPayload,
)
from ._scope_ranges import globalities

if TYPE_CHECKING:
    from runledger_core import Scope

    from .._statements import Statement
    from .._steps import Steps

GET_JOB = scoped_statement("jobs/get_job")
GET_KEYED_JOB_PAYLOAD = scoped_statement("jobs/get_keyed_job_payload")
LIST_JOBS = statement("jobs/list_jobs")
LIST_KEYED_JOBS = scoped_statement("jobs/list_keyed_jobs")
LIST_ORGANIZATION_JOBS = statement("jobs/list_organization_jobs")
LIST_RECENT_JOBS = statement("jobs/list_recent_jobs")
LIST_JOB_EVENTS = scoped_statement("jobs/list_job_events")
LIST_JOB_ATTEMPTS = scoped_statement("jobs/list_job_attempts")

MAX_PAGE_LIMIT: Final = 1000
_BEYOND_ALL_IDS: Final = UUID(int=2**128 - 1)


@operation
def get_job_by_id(job_id: UUID, *, scope: Scope) -> Steps[JobRecord | None]:
    """Read one job whole, None when there is none within *scope*."""
    chosen, extra = GET_JOB.within(scope)
    row = yield from maybe(chosen, job_id=job_id, **extra)
    return None if row is None else JobRecord(**row)


@operation
def get_job_payload_by_idempotency_key(
    job_type: str, idempotency_key: str, *, scope: Scope
) -> Steps[KeyedJobPayload | None]:
    """
    Read the payload of the job that owns a key, None when nobody owns it.

    Keys belong to a job type, and to an organization or to none, so *scope* must be
    GLOBAL or an organization. Locks nothing.

    Raises:
        QueryError: ``job.key_scope_ambiguous`` for EVERYTHING.
        ValidationError: ``identifier.*`` for what cannot be a job type or a key.
    """
    check_identifier(job_type, "job_type")
    check_identifier(idempotency_key, "idempotency_key")
    if scope == EVERYTHING:
        raise QueryError("job.key_scope_ambiguous")
    chosen, extra = GET_KEYED_JOB_PAYLOAD.within(scope)
    row = yield from maybe(
        chosen, job_type=job_type, idempotency_key=idempotency_key, **extra
    )
    return None if row is None else KeyedJobPayload(**row)


@operation
def list_jobs(
    *,
    scope: Scope,
    status: JobStatus | None = None,
    job_type: str | None = None,
    job_type_prefix: str | None = None,
    idempotency_key: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Steps[JobPage]:
    """
    List jobs within *scope*, the newest first, without their payloads.

    The filters add up. Whatever they are, the order is that of enqueueing, and what is
    read is bounded by the page and the number of job types, not by the queue. Pass
    the page's ``next_cursor`` as *cursor* for the next one (limit 1 to 1000). Jobs
    enqueued meanwhile do not shift the pages. Locks nothing.

    Raises:
        QueryError: ``job.invalid_pagination``.
        ValidationError: ``identifier.*`` for a job type or key that cannot exist.
    """
    _check_limit(limit)
    if job_type is not None:
        check_identifier(job_type, "job_type")
    if idempotency_key is not None:
        check_identifier(idempotency_key, "idempotency_key")
    is_filtered = not (status is None and job_type is None and not job_type_prefix)
    chosen, extra = _listing(
        scope, idempotency_key=idempotency_key, is_filtered=is_filtered
    )
    found = yield from rows(
        chosen,
        statuses=list(JobStatus) if status is None else [JobStatus(status)],
        job_type=job_type,
        job_type_prefix=job_type_prefix,
        before_id=_BEYOND_ALL_IDS if cursor is None else _last_seen(cursor),
        limit=limit + 1,  # the one beyond tells whether there is a next page
        **extra,
    )
    items = tuple(JobSummary(**row) for row in found[:limit])
    return JobPage(items, items[-1].id.hex if len(found) > limit else None)


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
    chosen, extra = LIST_JOB_EVENTS.within(scope)
    found = yield from rows(
        chosen, job_id=job_id, limit=limit, after_id=after_id or 0, **extra
    )
    return [JobEventRecord(**row) for row in found]


@operation
def list_job_attempts(
    job_id: UUID,
    *,
    scope: Scope,
    limit: int = 100,
    after: tuple[int, int] | None = None,
) -> Steps[list[JobAttemptRecord]]:
    """
    List a job's attempts over all its runs, in order.

    Pass the last attempt's ``(run_number, attempt)`` as *after* for the next page
    (limit 1 to 1000). A job outside *scope* has none.

    Raises:
        QueryError: ``job.invalid_pagination``.
    """
    _check_limit(limit)
    chosen, extra = LIST_JOB_ATTEMPTS.within(scope)
    after_run_number, after_attempt = after or (0, 0)
    found = yield from rows(
        chosen,
        job_id=job_id,
        after_run_number=after_run_number,
        after_attempt=after_attempt,
        limit=limit,
        **extra,
    )
    return [JobAttemptRecord(**row) for row in found]


def _listing(
    scope: Scope, *, idempotency_key: str | None, is_filtered: bool
) -> tuple[Statement, dict[str, object]]:
    """Choose the statement whose indexes fit."""
    if idempotency_key is not None:
        chosen, extra = LIST_KEYED_JOBS.within(scope)
        return chosen, {"idempotency_key": idempotency_key, **extra}
    if isinstance(scope, Organization):
        return LIST_ORGANIZATION_JOBS, {"organization_id": scope.id}
    if scope == EVERYTHING and not is_filtered:
        return LIST_RECENT_JOBS, {}
    return LIST_JOBS, {"globalities": globalities(scope)}


def _last_seen(cursor: str) -> UUID:
    try:
        return UUID(hex=cursor)
    except (AttributeError, TypeError, ValueError):
        raise QueryError("job.invalid_pagination") from None


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE_LIMIT:
        raise QueryError("job.invalid_pagination")
