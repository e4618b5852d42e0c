"""Keep a host's job types: what runs them, and what holds for their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from runledger_core import JobDefinition, JobEnqueue

from .._handlers import DeadLetterHook, JobFunction, JobHandler
from .._payloads import payload_json
from .._postgres import sync_job_definitions
from ..errors import CatalogError
from ..registry import JobRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Mapping
    from datetime import datetime
    from uuid import UUID

    from runledger_core import RetryDelay

    from .._postgres import Asyncio, Blocking, DefinitionSyncReport

_Handler = TypeVar("_Handler", bound=JobFunction | JobHandler | type[JobHandler])
_Hook = TypeVar("_Hook", bound=DeadLetterHook)


class JobCatalog:
    """
    Be the one source of a host's job types, for workers and for producers.

    Registering belongs to import time. A supervisor stores the definitions when it
    starts, and runs the handlers.
    """

    def __init__(self) -> None:
        self._registry = JobRegistry()
        self._definitions: dict[str, JobDefinition] = {}

    def job(
        self,
        job_type: str,
        *,
        retry: RetryDelay | None = None,
        version: int | None = None,
        max_attempts: int | None = None,
        timeout_seconds: int | None = None,
        priority: int | None = None,
        is_enabled: bool = True,
        panic_on: Collection[type[BaseException]] = (),
        payload_type: type | None = None,
    ) -> Callable[[_Handler], _Handler]:
        """
        Register the decorated handler, which stays what it is.

        It takes the context and the payload, and returns a `JobCompletion`, a
        `JobFailure`, or any JSON value as the job's output. ``async def`` runs in
        trio; plain ``def`` runs in a thread. A class, or an instance of one, has a
        method ``execute`` that is either. A payload annotated with an attrs class is
        made of that class, and a job whose payload does not fit fails for good;
        otherwise it is the JSON value as it was stored.

        Args:
            job_type: the identifier of the type.
            retry: how long failed jobs wait; the default is ``RetryPolicy()``.
            version: which version of the type this is; stored, not interpreted.
            max_attempts: attempts of one run; the default is `JobDefinition`'s, as
                for all that follow.
            timeout_seconds: how long one attempt may take.
            priority: higher is claimed first.
            is_enabled: whether jobs of the type can be enqueued.
            panic_on: exceptions that are no ordinary failure: jobs in which they are
                raised are never retried.
            payload_type: the attrs class of the payload, where the annotation cannot
                say it.

        Raises:
            ValidationError: ``identifier.*``, ``job_definition.*``.
            CatalogError: ``catalog.duplicate_job_type``, ``catalog.invalid_handler``,
                ``catalog.invalid_payload_type``.
        """
        given = {
            "version": version,
            "max_attempts": max_attempts,
            "timeout_seconds": timeout_seconds,
            "priority": priority,
        }
        definition = JobDefinition(
            job_type,
            is_enabled=is_enabled,
            **{name: value for name, value in given.items() if value is not None},
        )

        def register(handler: _Handler) -> _Handler:
            self._registry.register(
                job_type,
                handler,
                retry=retry,
                panic_on=panic_on,
                payload_type=payload_type,
            )
            self._definitions[definition.job_type] = definition
            return handler

        return register

    def on_dead_letter(self, job_type: str) -> Callable[[_Hook], _Hook]:
        """
        Register the decorated hook, which learns of dead letters of a type.

        It takes the job's context, its payload, and a `JobDeadLetterInfo`. A class
        handler may have a method ``on_dead_letter`` instead. ``async def`` runs in
        trio, plain ``def`` in a thread. It is called after the commit, at most once, in
        the process that recorded the dead letter: the worker, or the reaper when the
        last attempt's lease expired. It is best effort: it has ten seconds, and a
        shutdown ends it; what it raises is logged and changes nothing. A payload that
        does not fit its class is handed over as it was stored.

        Args:
            job_type: a type of this catalog.

        Raises:
            CatalogError: ``catalog.unknown_job_type``, ``catalog.invalid_handler``.
        """

        def register(hook: _Hook) -> _Hook:
            self._registry.on_dead_letter(job_type, hook)
            return hook

        return register

    def definitions(self) -> tuple[JobDefinition, ...]:
        """Return the definitions, sorted by job type."""
        return tuple(self._definitions[name] for name in sorted(self._definitions))

    def to_registry(self) -> JobRegistry:
        """Return the handlers as they are now."""
        return self._registry.copy()

    @overload
    def sync_definitions(self, db: Blocking) -> DefinitionSyncReport: ...

    @overload
    def sync_definitions(
        self, db: Asyncio
    ) -> Coroutine[Any, Any, DefinitionSyncReport]: ...

    def sync_definitions(
        self, db: Blocking | Asyncio
    ) -> DefinitionSyncReport | Coroutine[Any, Any, DefinitionSyncReport]:
        """
        Store the definitions, as a supervisor does when it starts.

        For producers that may be there before any worker. Types that are not in the
        catalog are left alone, and one that was disabled in the database stays
        disabled. A repeat writes nothing. With a blocking psycopg pool or connection
        this does it; with an asyncio one it returns a coroutine. A pool means a
        transaction of its own, a connection joins the caller's.

        Raises:
            QueryError: what ``sync_job_definitions`` raises.
        """
        return sync_job_definitions(db, self.definitions())

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
        definition = self._definitions.get(job_type)
        if definition is None:
            raise CatalogError("catalog.unknown_job_type", repr(job_type)[:100])
        if not definition.is_enabled:
            raise CatalogError("catalog.disabled_job_type", definition.job_type)
        return JobEnqueue(
            definition.job_type,
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
