"""Keep a host's job types: what runs them, and what holds for their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from runledger_core import JobDefinition, RetryPolicy

from .._handlers import (
    DeadLetterHook,
    JobFunction,
    JobHandler,
    check_payload_type,
    make_entry,
)
from ..errors import CatalogError
from ..registry import JobRegistry
from ._defaults import JobCatalogDefaults
from ._job_types import JobType
from ._syncs import CatalogSyncs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Self

    from runledger_core import RetryDelay

_Handler = TypeVar("_Handler", bound=JobFunction | JobHandler | type[JobHandler])
_Hook = TypeVar("_Hook", bound=DeadLetterHook)


class JobCatalog(CatalogSyncs):
    """
    Be the one source of a host's job types, for workers and for producers.

    Registering belongs to import time. A supervisor stores the definitions and the
    schedules when it starts, and runs the handlers. Producers that must not import
    handlers import a module that only declares job types; see `declare`.

    Args:
        defaults: what holds for its job types unless they say otherwise.
    """

    def __init__(self, *, defaults: JobCatalogDefaults | None = None) -> None:
        super().__init__()
        self._defaults = JobCatalogDefaults() if defaults is None else defaults

    @classmethod
    def merged(cls, *catalogs: JobCatalog) -> Self:
        """
        Return a new catalog of all that these have; see `include`.

        Raises:
            CatalogError: as `include`.
        """
        catalog = cls()
        for each in catalogs:
            catalog.include(each)
        return catalog

    def include(self, other: JobCatalog) -> Self:
        """
        Take over the job types and schedules of another catalog, and return this one.

        They keep what the other catalog's defaults made of them. Handlers that are
        bound there later run here too; what is declared there later is not seen. The
        same thing may come by several ways.

        Raises:
            CatalogError: ``catalog.duplicate_job_type``,
                ``catalog.duplicate_schedule``, naming all; then nothing was taken.
        """
        _refuse_clashes("job_type", self._job_types, other._job_types)
        _refuse_clashes("schedule", self._schedules, other._schedules)
        self._job_types.update(other._job_types)
        self._schedules.update(other._schedules)
        return self

    def job(
        self,
        job_type: str,
        *,
        retry: RetryDelay | None = None,
        version: int | None = None,
        max_attempts: int | None = None,
        timeout_seconds: int | None = None,
        priority: int | None = None,
        is_enabled: bool | None = None,
        panic_on: Collection[type[BaseException]] = (),
        payload_type: type | None = None,
        max_concurrency: int | None = None,
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
            retry: how long failed jobs wait; the default is the catalog's, and that
                of this and of all that follow in their turn `RetryPolicy`'s and
                `JobDefinition`'s.
            version: which version of the type this is; stored, not interpreted.
            max_attempts: attempts of one run.
            timeout_seconds: how long one attempt may take.
            priority: higher is claimed first.
            is_enabled: whether jobs of the type can be enqueued.
            panic_on: exceptions that are no ordinary failure: jobs in which they are
                raised are never retried.
            payload_type: the attrs class of the payload, where the annotation cannot
                say it.
            max_concurrency: the most jobs of the type that one process runs at once;
                it claims no more of them than that, and other types go on.

        Raises:
            ValidationError: ``identifier.*``, ``job_definition.*``.
            CatalogError: ``catalog.duplicate_job_type``, ``catalog.invalid_handler``,
                ``catalog.invalid_payload_type``, ``catalog.invalid_concurrency``.
        """
        definition = self._defaults.definition(
            job_type,
            version=version,
            max_attempts=max_attempts,
            timeout_seconds=timeout_seconds,
            priority=priority,
            is_enabled=is_enabled,
        )

        def register(handler: _Handler) -> _Handler:
            declared = JobType(definition, payload_type)
            self._bind(
                declared,
                handler,
                retry=retry,
                panic_on=panic_on,
                max_concurrency=max_concurrency,
            )
            self._add(declared)
            return handler

        return register

    def declare(
        self,
        job_type: str,
        *,
        payload_type: type | None = None,
        version: int | None = None,
        max_attempts: int | None = None,
        timeout_seconds: int | None = None,
        priority: int | None = None,
        is_enabled: bool | None = None,
    ) -> JobDefinition:
        """
        Declare a job type whose handler is elsewhere, and return its definition.

        Producers import the module that does this; a worker also imports the one that
        binds a `handler`. A process without that handler stores the definition and
        fires the schedules, but does not claim the jobs.

        Args:
            job_type: the identifier of the type.
            payload_type: the attrs class of payloads, which the handler then gets.
            version: this and what follows are as in `job`.
            max_attempts: see there.
            timeout_seconds: see there.
            priority: see there.
            is_enabled: see there.

        Raises:
            ValidationError: ``identifier.*``, ``job_definition.*``.
            CatalogError: ``catalog.duplicate_job_type``,
                ``catalog.invalid_payload_type``.
        """
        definition = self._defaults.definition(
            job_type,
            version=version,
            max_attempts=max_attempts,
            timeout_seconds=timeout_seconds,
            priority=priority,
            is_enabled=is_enabled,
        )
        check_payload_type(definition.job_type, payload_type)
        self._add(JobType(definition, payload_type))
        return definition

    def handler(
        self,
        job_type: str,
        *,
        retry: RetryDelay | None = None,
        panic_on: Collection[type[BaseException]] = (),
        max_concurrency: int | None = None,
    ) -> Callable[[_Handler], _Handler]:
        """
        Let the decorated handler run the jobs of a type that was declared before.

        Args:
            job_type: a type of this catalog that has no handler yet.
            retry: this and what follows are as in `job`.
            panic_on: see there.
            max_concurrency: see there.

        Raises:
            CatalogError: ``catalog.unknown_job_type``; when it is applied,
                ``catalog.duplicate_job_type``, ``catalog.invalid_handler``,
                ``catalog.invalid_payload_type``, ``catalog.invalid_concurrency``.
        """
        declared = self._known(job_type)

        def bind(handler: _Handler) -> _Handler:
            if declared.entry is not None:
                raise CatalogError("catalog.duplicate_job_type", job_type)
            self._bind(
                declared,
                handler,
                retry=retry,
                panic_on=panic_on,
                max_concurrency=max_concurrency,
            )
            return handler

        return bind

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
            job_type: a type of this catalog that has a handler.

        Raises:
            CatalogError: ``catalog.unknown_job_type``, ``catalog.invalid_handler``.
        """

        def register(hook: _Hook) -> _Hook:
            declared = self._known(job_type)
            if declared.entry is None:
                detail = f"{job_type} has no handler yet"
                raise CatalogError("catalog.unknown_job_type", detail)
            declared.entry = declared.entry.with_hook(hook)
            return hook

        return register

    def to_registry(self) -> JobRegistry:
        """Return the handlers as they are now."""
        registry = JobRegistry()
        for declared in self._job_types.values():
            if declared.entry is not None:
                registry.add(declared.entry)
        return registry

    def _add(self, declared: JobType) -> None:
        job_type = declared.definition.job_type
        if job_type in self._job_types:
            raise CatalogError("catalog.duplicate_job_type", job_type)
        self._job_types[job_type] = declared

    def _bind(
        self,
        declared: JobType,
        handler: JobFunction | JobHandler | type[JobHandler],
        *,
        retry: RetryDelay | None,
        panic_on: Collection[type[BaseException]],
        max_concurrency: int | None,
    ) -> None:
        declared.entry = make_entry(
            declared.definition.job_type,
            handler,
            retry=retry or self._defaults.retry or RetryPolicy(),
            panic_on=panic_on,
            payload_type=declared.payload_type,
            max_concurrency=max_concurrency,
        )


def _refuse_clashes(
    what: str, own: dict[str, _Value], others: dict[str, _Value]
) -> None:
    """Refuse names that stand for another thing in the other catalog."""
    names = [
        name for name in own.keys() & others.keys() if own[name] is not others[name]
    ]
    if names:
        raise CatalogError(f"catalog.duplicate_{what}", ", ".join(sorted(names)))


_Value = TypeVar("_Value")
