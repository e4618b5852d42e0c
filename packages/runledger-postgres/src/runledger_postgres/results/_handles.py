"""Open the handle that fits the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from psycopg_pool import AsyncConnectionPool, ConnectionPool

from runledger_core import check_uuid

from ._asyncio import AsyncJobHandle, AsyncWorkflowRunHandle
from ._blocking import JobHandle, WorkflowRunHandle

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import Scope


@overload
def job_handle(
    db: ConnectionPool[Any], job_id: UUID, *, scope: Scope, listens: bool = True
) -> JobHandle: ...


@overload
def job_handle(
    db: AsyncConnectionPool[Any], job_id: UUID, *, scope: Scope, listens: bool = True
) -> AsyncJobHandle: ...


def job_handle(
    db: ConnectionPool[Any] | AsyncConnectionPool[Any],
    job_id: UUID,
    *,
    scope: Scope,
    listens: bool = True,
) -> JobHandle | AsyncJobHandle:
    """
    Return a handle for the result of a job; nothing is read yet.

    A pool it must be: a connection may be inside a transaction, which would wait for
    what it has not committed, or sees nothing of what others commit. One connection
    more than the pool's listens for all waiters; with ``listens=False`` there is none,
    and waiters only poll, which is right behind PgBouncer in transaction mode.

    Raises:
        ValidationError: ``identifier.invalid_uuid``.
    """
    check_uuid(job_id, "job_id")
    if isinstance(db, ConnectionPool):
        return JobHandle(db, job_id, scope=scope, listens=listens)
    if isinstance(db, AsyncConnectionPool):
        return AsyncJobHandle(db, job_id, scope=scope, listens=listens)
    raise _not_a_pool("job_handle", db)


@overload
def workflow_run_handle(
    db: ConnectionPool[Any], run_id: UUID, *, scope: Scope, listens: bool = True
) -> WorkflowRunHandle: ...


@overload
def workflow_run_handle(
    db: AsyncConnectionPool[Any], run_id: UUID, *, scope: Scope, listens: bool = True
) -> AsyncWorkflowRunHandle: ...


def workflow_run_handle(
    db: ConnectionPool[Any] | AsyncConnectionPool[Any],
    run_id: UUID,
    *,
    scope: Scope,
    listens: bool = True,
) -> WorkflowRunHandle | AsyncWorkflowRunHandle:
    """
    Return a handle for the result of a run of a workflow; see `job_handle`.

    Raises:
        ValidationError: ``identifier.invalid_uuid``.
    """
    check_uuid(run_id, "run_id")
    if isinstance(db, ConnectionPool):
        return WorkflowRunHandle(db, run_id, scope=scope, listens=listens)
    if isinstance(db, AsyncConnectionPool):
        return AsyncWorkflowRunHandle(db, run_id, scope=scope, listens=listens)
    raise _not_a_pool("workflow_run_handle", db)


def _not_a_pool(name: str, db: object) -> TypeError:
    return TypeError(f"{name}() takes a psycopg pool first, not {type(db).__name__}")
