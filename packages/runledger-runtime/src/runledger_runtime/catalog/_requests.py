"""Make requests for jobs and workflows that fit the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from runledger_core import JobEnqueue

from .._payloads import payload_json
from .._postgres import enqueue_job
from ._job_types import JobTypes
from ._workflows import CatalogWorkflowDagBuilder

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from datetime import datetime
    from uuid import UUID

    from .._postgres import Asyncio, Blocking, JobEnqueueOutcome


class CatalogRequests(JobTypes):
    """Make requests, each checked against the job types."""

    def job_enqueue(
        self,
        job_type: str,
        payload: Any = None,
        *,
        organization_id: UUID | None = None,
        priority: int | None = None,
        max_attempts: int | None = None,
        timeout_seconds: int | None = None,
        next_run_at: datetime | None = None,
        idempotency_key: str | None = None,
        stage: str | None = None,
        trace_context: Mapping[str, str] | None = None,
    ) -> JobEnqueue:
        """
        Return the request for one job of the catalog, to be passed to ``enqueue_job``.

        Args:
            job_type: a type of this catalog that is enabled in it.
            payload: an instance of the type's attrs class, or a JSON value, which is
                not held against that class before a worker does; None is an empty
                object.
            organization_id: this and what follows are `JobEnqueue`'s.
            priority: see there.
            max_attempts: see there.
            timeout_seconds: see there.
            next_run_at: see there.
            idempotency_key: see there.
            stage: see there.
            trace_context: see there.

        Raises:
            CatalogError: ``catalog.unknown_job_type``, ``catalog.disabled_job_type``.
            ValidationError: what `JobEnqueue` raises.
        """
        return JobEnqueue(
            self._enabled(job_type).definition.job_type,
            {} if payload is None else payload_json(payload),
            organization_id=organization_id,
            priority=priority,
            max_attempts=max_attempts,
            timeout_seconds=timeout_seconds,
            next_run_at=next_run_at,
            idempotency_key=idempotency_key,
            stage=stage,
            trace_context=trace_context,
        )

    @overload
    def enqueue(
        self,
        db: Blocking,
        job_type: str,
        payload: Any = None,
        *,
        organization_id: UUID | None = None,
        priority: int | None = None,
        max_attempts: int | None = None,
        timeout_seconds: int | None = None,
        next_run_at: datetime | None = None,
        idempotency_key: str | None = None,
        stage: str | None = None,
        trace_context: Mapping[str, str] | None = None,
    ) -> JobEnqueueOutcome: ...

    @overload
    def enqueue(
        self,
        db: Asyncio,
        job_type: str,
        payload: Any = None,
        *,
        organization_id: UUID | None = None,
        priority: int | None = None,
        max_attempts: int | None = None,
        timeout_seconds: int | None = None,
        next_run_at: datetime | None = None,
        idempotency_key: str | None = None,
        stage: str | None = None,
        trace_context: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, JobEnqueueOutcome]: ...

    def enqueue(
        self,
        db: Blocking | Asyncio,
        job_type: str,
        payload: Any = None,
        *,
        organization_id: UUID | None = None,
        priority: int | None = None,
        max_attempts: int | None = None,
        timeout_seconds: int | None = None,
        next_run_at: datetime | None = None,
        idempotency_key: str | None = None,
        stage: str | None = None,
        trace_context: Mapping[str, str] | None = None,
    ) -> JobEnqueueOutcome | Coroutine[Any, Any, JobEnqueueOutcome]:
        """
        Put one job of the catalog on the queue.

        With a blocking psycopg pool or connection this does it; with an asyncio one it
        returns a coroutine. A pool means a transaction of its own, a connection joins
        the caller's. In trio, call it in a thread.

        Args:
            db: the pool or connection.
            job_type: this and what follows are as in `job_enqueue`.
            payload: see there.
            organization_id: see there.
            priority: see there.
            max_attempts: see there.
            timeout_seconds: see there.
            next_run_at: see there.
            idempotency_key: see there.
            stage: see there.
            trace_context: see there.

        Raises:
            CatalogError: ``catalog.unknown_job_type``, ``catalog.disabled_job_type``.
            ValidationError: what `JobEnqueue` raises.
            QueryError: what ``enqueue_job`` raises.
        """
        request = self.job_enqueue(
            job_type,
            payload,
            organization_id=organization_id,
            priority=priority,
            max_attempts=max_attempts,
            timeout_seconds=timeout_seconds,
            next_run_at=next_run_at,
            idempotency_key=idempotency_key,
            stage=stage,
            trace_context=trace_context,
        )
        return enqueue_job(db, request)

    def workflow_dag(
        self, workflow_type: str, metadata: Any = None
    ) -> CatalogWorkflowDagBuilder:
        """
        Begin a workflow whose steps are jobs of this catalog.

        Args:
            workflow_type: what kind of workflow it is.
            metadata: an attrs instance or a JSON value; None is an empty object.

        Raises:
            ValidationError: what `WorkflowDagBuilder` raises.
        """
        return CatalogWorkflowDagBuilder(
            self, workflow_type, {} if metadata is None else payload_json(metadata)
        )
