"""Map job types to handlers, for hosts that manage definitions themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import RetryDelay, RetryPolicy

from ._handlers import HandlerEntry, make_entry
from .errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Collection

    from ._handlers import DeadLetterHook, JobFunction, JobHandler

__all__ = ["JobRegistry"]


class JobRegistry:
    """
    Hold the handlers of a process, one for each job type.

    A worker claims jobs of these types only. It looks at the registry when it starts;
    what is registered later is not seen. Most hosts want a `JobCatalog`, which knows
    the definitions too.
    """

    def __init__(self) -> None:
        self._entries: dict[str, HandlerEntry] = {}

    def register(
        self,
        job_type: str,
        handler: JobFunction | JobHandler | type[JobHandler],
        *,
        retry: RetryDelay | None = None,
        panic_on: Collection[type[BaseException]] = (),
        payload_type: type | None = None,
        max_concurrency: int | None = None,
    ) -> None:
        """
        Let *handler* run the jobs of a type; see `JobCatalog.job` for the arguments.

        Raises:
            ValidationError: ``identifier.*`` for the job type.
            CatalogError: ``catalog.duplicate_job_type``, ``catalog.invalid_handler``,
                ``catalog.invalid_payload_type``, ``catalog.invalid_concurrency``.
        """
        entry = make_entry(
            job_type,
            handler,
            retry=RetryPolicy() if retry is None else retry,
            panic_on=panic_on,
            payload_type=payload_type,
            max_concurrency=max_concurrency,
        )
        self.add(entry)

    def add(self, entry: HandlerEntry) -> None:
        """
        Let a handler that was looked at before run the jobs of its type.

        Raises:
            CatalogError: ``catalog.duplicate_job_type``.
        """
        if entry.job_type in self._entries:
            raise CatalogError("catalog.duplicate_job_type", entry.job_type)
        self._entries[entry.job_type] = entry

    def on_dead_letter(self, job_type: str, hook: DeadLetterHook) -> None:
        """
        Let *hook* learn of dead letters of a type; see `JobCatalog.on_dead_letter`.

        Raises:
            CatalogError: ``catalog.unknown_job_type``, ``catalog.invalid_handler``.
        """
        entry = self._entries.get(job_type)
        if entry is None:
            raise CatalogError("catalog.unknown_job_type", repr(job_type)[:100])
        self._entries[job_type] = entry.with_hook(hook)

    def get(self, job_type: str) -> HandlerEntry | None:
        """Return what runs the jobs of a type, None if nothing does."""
        return self._entries.get(job_type)

    @property
    def registered_types(self) -> tuple[str, ...]:
        """The job types, sorted."""
        return tuple(sorted(self._entries))

    def retry_policies(self) -> dict[str, RetryDelay]:
        """Return how long failed jobs of each type wait."""
        return {job_type: entry.retry for job_type, entry in self._entries.items()}

    def concurrency_limits(self) -> dict[str, int]:
        """Return how many jobs of a type may run at once, where that is limited."""
        return {
            job_type: entry.max_concurrency
            for job_type, entry in self._entries.items()
            if entry.max_concurrency is not None
        }

    def copy(self) -> JobRegistry:
        """Return a registry that does not see what is registered here later."""
        copied = JobRegistry()
        copied._entries.update(self._entries)
        return copied
