"""
Keep definitions and the schedules that need them in agreement.

An active schedule needs an enabled definition. Both sides write first and look at the
other side afterwards, in a statement of its own:

- who disables a definition holds its row and then looks for active schedules;
- who activates a schedule has written it and then locks the definition FOR SHARE.

So whichever comes second sees the first, and its error takes back what it wrote. A
schedule's row is locked before the definition's, never the other way round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._statements import statement
from .._steps import maybe, one, rows
from .._waits import bounded
from ..errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .._steps import Steps

FIND_ACTIVE_SCHEDULES = statement("definitions/find_active_schedules")
LOCK_ENABLED_DEFINITION = statement("definitions/lock_enabled_definition")
LOCK_ENABLED_DEFINITIONS = statement("definitions/lock_enabled_definitions")


def refuse_active_schedules(disabled_types: Sequence[str]) -> Steps[None]:
    """
    Refuse to leave active schedules without an enabled definition.

    Raises:
        QueryError: ``job_definition.active_schedule_exists``,
            ``job_definition.disable_unsupported_isolation``.
    """
    if not disabled_types:
        return
    found = yield from one(FIND_ACTIVE_SCHEDULES, job_types=list(disabled_types))
    if not found["reads_committed"]:
        raise QueryError("job_definition.disable_unsupported_isolation")
    if found["job_types"]:
        named = ", ".join(repr(job_type) for job_type in found["job_types"])
        raise QueryError("job_definition.active_schedule_exists", f"job types {named}")


def require_enabled_definition(job_type: str) -> Steps[None]:
    """
    Lock the definition that an active schedule needs FOR SHARE.

    Raises:
        QueryError: ``job_schedule.definition_not_found_or_disabled``.
    """
    found = yield from bounded(maybe(LOCK_ENABLED_DEFINITION, job_type=job_type))
    if found is None:
        raise QueryError(
            "job_schedule.definition_not_found_or_disabled", f"job type {job_type!r}"
        )


def require_enabled_definitions(job_types: Collection[str]) -> Steps[None]:
    """
    Lock the definitions that active schedules need FOR SHARE, by their names.

    Raises:
        QueryError: ``job_schedule.definition_not_found_or_disabled``.
    """
    if not job_types:
        return
    wanted = sorted(set(job_types))
    found = yield from bounded(rows(LOCK_ENABLED_DEFINITIONS, job_types=wanted))
    missing = set(wanted) - {row["job_type"] for row in found}
    if missing:
        named = ", ".join(repr(job_type) for job_type in sorted(missing))
        raise QueryError(
            "job_schedule.definition_not_found_or_disabled", f"job types {named}"
        )
