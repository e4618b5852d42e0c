"""Say in a test which jobs the code under test has enqueued."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

Database: TypeAlias = "str | psycopg.Connection[Any] | ConnectionPool[Any]"

_SHOWN_JOBS: Final = 10

_FIND: Final = """
SELECT
    id AS job_id, job_type, payload, organization_id, idempotency_key, priority,
    status::text AS status, next_run_at,
    (%(job_type)s::text IS NULL OR job_type = %(job_type)s)
        AND (%(payload)s::jsonb IS NULL OR payload @> %(payload)s::jsonb)
        AND (%(key)s::text IS NULL OR idempotency_key = %(key)s)
        AND (
            %(organization_id)s::uuid IS NULL
            OR organization_id = %(organization_id)s
        )
        AND (NOT %(is_pending)s OR status = 'PENDING') AS is_match
FROM job_queue
ORDER BY id
"""


@dataclass(frozen=True, kw_only=True)
class EnqueuedJob:
    """A job as it stands in the queue."""

    job_id: UUID
    job_type: str
    payload: Any
    organization_id: UUID | None
    idempotency_key: str | None
    priority: int
    status: str
    next_run_at: datetime
    is_match: bool = field(repr=False, compare=False)


def assert_enqueued(
    database: Database,
    job_type: str,
    payload: Any = None,
    *,
    idempotency_key: str | None = None,
    organization_id: UUID | None = None,
    count: int | None = None,
    include_ended: bool = False,
) -> list[EnqueuedJob]:
    """
    Assert that jobs like this wait to be run, and return them in the order of creation.

    The failure lists what stands in the queue instead. Given the connection of an open
    transaction, it sees what that transaction has enqueued.

    Args:
        database: a connection, a pool or a URL.
        job_type: the jobs' type.
        payload: what their payloads contain, as PostgreSQL's ``@>`` understands it:
            an object with some of the fields is contained in one with all of them.
        idempotency_key: the job's key.
        organization_id: whose jobs.
        count: how many exactly; the default is one or more.
        include_ended: also look at jobs that run or have run.
    """
    # pytest shows the caller's line, not ours.
    __tracebackhide__ = True
    found = _find(
        database,
        job_type=job_type,
        payload=payload,
        key=idempotency_key,
        organization_id=organization_id,
        is_pending=not include_ended,
    )
    matching = [job for job in found if job.is_match]
    is_right = bool(matching) if count is None else len(matching) == count
    if not is_right:
        wanted = "at least one" if count is None else str(count)
        message = f"expected {wanted} enqueued job(s) of {job_type!r}, found "
        raise AssertionError(f"{message}{len(matching)}; {_shown(found)}")
    return matching


def assert_nothing_enqueued(database: Database, job_type: str | None = None) -> None:
    """Assert that no job waits to be run, or none of this type."""
    __tracebackhide__ = True
    found = _find(
        database,
        job_type=job_type,
        payload=None,
        key=None,
        organization_id=None,
        is_pending=True,
    )
    matching = [job for job in found if job.is_match]
    if matching:
        raise AssertionError(f"expected no enqueued job; {_shown(matching)}")


def _find(database: Database, *, payload: Any, **filters: Any) -> list[EnqueuedJob]:
    wanted = None if payload is None else Jsonb(payload)
    with (
        _connection(database) as connection,
        connection.cursor(row_factory=class_row(EnqueuedJob)) as cursor,
    ):
        return cursor.execute(_FIND, {"payload": wanted, **filters}).fetchall()


@contextmanager
def _connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    if isinstance(database, psycopg.Connection):
        yield database
    elif isinstance(database, ConnectionPool):
        with database.connection() as connection:
            yield connection
    else:
        with psycopg.connect(database) as connection:
            yield connection


def _shown(jobs: list[EnqueuedJob]) -> str:
    if not jobs:
        return "the queue is empty"
    lines = [
        f"  {job.job_type} {job.status} {job.payload!r}" for job in jobs[:_SHOWN_JOBS]
    ]
    if len(jobs) > _SHOWN_JOBS:
        lines.append(f"  and {len(jobs) - _SHOWN_JOBS} more")
    return "in the queue:\n" + "\n".join(lines)
