"""Say what holds for the job types of a catalog that do not say otherwise."""

from __future__ import annotations

import attrs

from runledger_core import JobDefinition, RetryDelay


@attrs.frozen(kw_only=True)
class JobCatalogDefaults:
    """
    Share settings among the job types of one catalog.

    None leaves a setting to `JobDefinition`, or to ``RetryPolicy()``.

    Args:
        version: see `JobDefinition`, as for the next four.
        max_attempts: see there.
        timeout_seconds: see there.
        priority: see there.
        is_enabled: see there.
        retry: how long failed jobs wait.

    Raises:
        ValidationError: ``job_definition.*``.
    """

    version: int | None = None
    max_attempts: int | None = None
    timeout_seconds: int | None = None
    priority: int | None = None
    is_enabled: bool | None = None
    retry: RetryDelay | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse at once what no job type could be made of."""
        self.definition("checked")

    def definition(
        self,
        job_type: str,
        *,
        version: int | None = None,
        max_attempts: int | None = None,
        timeout_seconds: int | None = None,
        priority: int | None = None,
        is_enabled: bool | None = None,
    ) -> JobDefinition:
        """Make the definition of a job type from what it says itself, and from this."""
        given = {
            "version": _first(version, self.version),
            "max_attempts": _first(max_attempts, self.max_attempts),
            "timeout_seconds": _first(timeout_seconds, self.timeout_seconds),
            "priority": _first(priority, self.priority),
        }
        known = {name: value for name, value in given.items() if value is not None}
        enabled = self.is_enabled if is_enabled is None else is_enabled
        return JobDefinition(
            job_type, is_enabled=True if enabled is None else enabled, **known
        )


def _first(own: int | None, shared: int | None) -> int | None:
    return shared if own is None else own
