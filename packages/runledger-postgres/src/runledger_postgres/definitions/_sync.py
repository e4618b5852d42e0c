"""Bring stored definitions into agreement with a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from runledger_core import check_identifier

from .._operation import operation
from .._statements import statement
from .._steps import rows
from .._waits import bounded
from ..errors import QueryError
from ._guards import refuse_active_schedules

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from runledger_core import JobDefinition

    from .._steps import Steps

LOCK_JOB_DEFINITIONS = statement("definitions/lock_job_definitions")
SYNC_JOB_DEFINITIONS = statement("definitions/sync_job_definitions")
DISABLE_JOB_DEFINITIONS = statement("definitions/disable_job_definitions")


@attrs.frozen
class DefinitionSyncReport:
    """What a sync changed: the job types that it wrote, and those that it disabled."""

    written_job_types: frozenset[str]
    disabled_absent_job_types: frozenset[str] = frozenset()


@operation
def sync_job_definitions(
    definitions: Sequence[JobDefinition], *, restore_enabled: bool = False
) -> Steps[DefinitionSyncReport]:
    """
    Write a catalog's definitions, in one statement; other types are left alone.

    A type that was disabled in the database stays disabled, unless *restore_enabled*;
    one that the catalog disables is disabled. Pauses are kept. A repeat writes and
    locks nothing; otherwise locks the rows that it writes in the order of their names,
    and waits for transactions that are enqueueing jobs of these types.

    Raises:
        QueryError: when the catalog disables a type,
            ``job_definition.active_schedule_exists`` and
            ``job_definition.disable_unsupported_isolation``.
        ValueError: two definitions have the same job type.
    """
    _refuse_doubles(definitions)
    if not definitions:
        return DefinitionSyncReport(frozenset())
    written = yield from bounded(
        rows(
            SYNC_JOB_DEFINITIONS,
            restore_enabled=restore_enabled,
            **_columns(definitions),
        )
    )
    yield from refuse_active_schedules(_disabled(definitions))
    return DefinitionSyncReport(frozenset(row["job_type"] for row in written))


@operation
def sync_job_definitions_exact(
    definitions: Sequence[JobDefinition], *, scope_job_types: Collection[str]
) -> Steps[DefinitionSyncReport]:
    """
    Write a catalog's definitions, and disable what is in scope but not in it.

    The catalog's word on enabled and disabled is restored. *scope_job_types* are the
    types that this catalog speaks for; others are left alone. Jobs of a disabled type
    that are already in the queue run in any case. A repeat writes nothing. Locks the
    definitions of catalog and scope in the order of their names, and waits for
    transactions that are enqueueing jobs of these types.

    Raises:
        QueryError: ``job_definition.empty_job_type_list`` for an empty catalog or
            scope, ``job_definition.active_schedule_exists``,
            ``job_definition.disable_unsupported_isolation``.
        ValidationError: ``identifier.*``.
        ValueError: two definitions have the same job type.
    """
    _refuse_doubles(definitions)
    scope = {check_identifier(job_type, "job_type") for job_type in scope_job_types}
    if not definitions or not scope:
        raise QueryError("job_definition.empty_job_type_list")
    named = {definition.job_type for definition in definitions}
    absent = sorted(scope - named)
    yield from bounded(rows(LOCK_JOB_DEFINITIONS, job_types=sorted(scope | named)))
    written = yield from bounded(
        rows(SYNC_JOB_DEFINITIONS, restore_enabled=True, **_columns(definitions))
    )
    disabled = yield from rows(DISABLE_JOB_DEFINITIONS, job_types=absent)
    disabled_types = frozenset(row["job_type"] for row in disabled)
    yield from refuse_active_schedules(
        sorted({*_disabled(definitions), *disabled_types})
    )
    return DefinitionSyncReport(
        frozenset(row["job_type"] for row in written), disabled_types
    )


def _disabled(definitions: Sequence[JobDefinition]) -> list[str]:
    return [d.job_type for d in definitions if not d.is_enabled]


def _refuse_doubles(definitions: Sequence[JobDefinition]) -> None:
    if len({definition.job_type for definition in definitions}) < len(definitions):
        raise ValueError("two definitions have the same job type")


def _columns(definitions: Sequence[JobDefinition]) -> dict[str, list[Any]]:
    """Turn the definitions on their side: the statement takes a list a column."""
    return {
        "job_types": [d.job_type for d in definitions],
        "versions": [d.version for d in definitions],
        "max_attempts": [d.max_attempts for d in definitions],
        "timeouts_seconds": [d.timeout_seconds for d in definitions],
        "priorities": [d.priority for d in definitions],
        "are_enabled": [d.is_enabled for d in definitions],
    }
