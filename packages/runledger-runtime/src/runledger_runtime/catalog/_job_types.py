"""Hold the job types of a catalog: what was said of each, and what runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..errors import CatalogError

if TYPE_CHECKING:
    from runledger_core import JobDefinition

    from .._handlers import HandlerEntry


@attrs.define(eq=False)
class JobType:
    """
    Be one job type; catalogs that were merged share it, so that none misses a handler.

    Args:
        definition: what is stored.
        payload_type: the attrs class of payloads, where it is known without a handler.
        entry: what runs the jobs, once there is something.
    """

    definition: JobDefinition
    payload_type: type | None = None
    entry: HandlerEntry | None = None


class JobTypes:
    """Hold job types by their names."""

    def __init__(self) -> None:
        self._job_types: dict[str, JobType] = {}

    def definitions(self) -> tuple[JobDefinition, ...]:
        """Return the definitions, sorted by job type."""
        return tuple(
            self._job_types[name].definition for name in sorted(self._job_types)
        )

    def _known(self, job_type: str) -> JobType:
        """
        Return a job type of this catalog.

        Raises:
            CatalogError: ``catalog.unknown_job_type``.
        """
        found = self._job_types.get(job_type)
        if found is None:
            raise CatalogError("catalog.unknown_job_type", shown(job_type))
        return found

    def _enabled(self, job_type: str) -> JobType:
        """
        Return a job type of this catalog that is enabled in it.

        Raises:
            CatalogError: ``catalog.unknown_job_type``, ``catalog.disabled_job_type``.
        """
        found = self._known(job_type)
        if not found.definition.is_enabled:
            raise CatalogError("catalog.disabled_job_type", found.definition.job_type)
        return found


def shown(value: object) -> str:
    """Return what is no known name as an error may show it."""
    return repr(value)[:100]
