"""Write and read job definitions, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runledger_core import check_identifier, check_whole_number

from .._operation import operation
from .._paging import check_page_limit
from .._statements import statement
from .._steps import maybe, one, rows
from .._waits import bounded
from ..errors import QueryError
from ..records import JobDefinitionRecord
from ._guards import refuse_active_schedules

if TYPE_CHECKING:
    from runledger_core import JobDefinition

    from .._steps import Steps

UPSERT_JOB_DEFINITION = statement("definitions/upsert_job_definition")
INSERT_JOB_DEFINITION = statement("definitions/insert_job_definition")
UPDATE_JOB_DEFINITION = statement("definitions/update_job_definition")
SET_JOB_TYPE_PAUSED = statement("definitions/set_job_type_paused")
GET_JOB_DEFINITION = statement("definitions/get_job_definition")
LIST_JOB_DEFINITIONS = statement("definitions/list_job_definitions")

LOWEST_PRIORITY: Final = -(2**31)


@operation
def upsert_job_definition(definition: JobDefinition) -> Steps[JobDefinitionRecord]:
    """
    Write the definition of a job type; all its values are replaced.

    Jobs already enqueued keep what they were enqueued with, and a paused type stays
    paused. A repeat with the same values writes nothing. Locks the definition's row
    and waits, at most 5 seconds, for transactions that are enqueueing jobs of the type.

    Raises:
        QueryError: when the definition is disabled,
            ``job_definition.active_schedule_exists`` and
            ``job_definition.disable_unsupported_isolation``.
    """
    row = yield from bounded(maybe(UPSERT_JOB_DEFINITION, **_values(definition)))
    if row is None:
        row = yield from one(GET_JOB_DEFINITION, job_type=definition.job_type)
    if not definition.is_enabled:
        yield from refuse_active_schedules([definition.job_type])
    return JobDefinitionRecord(**row)


@operation
def insert_job_definition_if_missing(
    definition: JobDefinition,
) -> Steps[JobDefinitionRecord]:
    """
    Write the definition of a job type that has none, and return what is stored.

    A definition that exists is returned as it is. Locks only what it inserts.
    """
    row = yield from bounded(maybe(INSERT_JOB_DEFINITION, **_values(definition)))
    if row is None:
        row = yield from one(GET_JOB_DEFINITION, job_type=definition.job_type)
    return JobDefinitionRecord(**row)


@operation
def update_job_definition(
    job_type: str,
    *,
    version: int | None = None,
    max_attempts: int | None = None,
    timeout_seconds: int | None = None,
    priority: int | None = None,
    is_enabled: bool | None = None,
) -> Steps[JobDefinitionRecord | None]:
    """
    Change what is given of a definition; None when the type has none.

    Jobs already enqueued keep what they were enqueued with. A repeat writes nothing.
    Locks the definition's row and waits for transactions that are enqueueing jobs of
    the type.

    Raises:
        QueryError: when it is to be disabled,
            ``job_definition.active_schedule_exists`` and
            ``job_definition.disable_unsupported_isolation``.
        ValidationError: ``identifier.*``, ``job_definition.invalid_*``.
    """
    row = yield from bounded(
        maybe(
            UPDATE_JOB_DEFINITION,
            job_type=check_identifier(job_type, "job_type"),
            version=_positive(version, "job_definition.invalid_version"),
            max_attempts=_positive(max_attempts, "job_definition.invalid_max_attempts"),
            timeout_seconds=_positive(
                timeout_seconds, "job_definition.invalid_timeout"
            ),
            priority=None if priority is None else _priority(priority),
            is_enabled=is_enabled,
        )
    )
    if row is None:
        row = yield from maybe(GET_JOB_DEFINITION, job_type=job_type)
    if row is None:
        return None
    if is_enabled is False:
        yield from refuse_active_schedules([job_type])
    return JobDefinitionRecord(**row)


@operation
def pause_job_type(job_type: str) -> Steps[JobDefinitionRecord]:
    """
    Stop claims of a job type; enqueues are accepted as before.

    Jobs that run go on and may still be retried, but no attempt begins until
    ``resume_job_type``. ``paused_at`` says since when; a repeat keeps it. Locks the
    definition's row and waits for transactions that are enqueueing jobs of the type.

    Raises:
        QueryError: ``job.definition_not_found``.
        ValidationError: ``identifier.*``.
    """
    return (yield from _set_paused(job_type, is_paused=True))


@operation
def resume_job_type(job_type: str) -> Steps[JobDefinitionRecord]:
    """
    Let a paused job type be claimed again; a repeat writes nothing.

    Locks and errors are those of ``pause_job_type``.
    """
    return (yield from _set_paused(job_type, is_paused=False))


@operation
def get_job_definition_by_type(job_type: str) -> Steps[JobDefinitionRecord | None]:
    """Read the definition of a job type, None when there is none."""
    row = yield from maybe(
        GET_JOB_DEFINITION, job_type=check_identifier(job_type, "job_type")
    )
    return None if row is None else JobDefinitionRecord(**row)


@operation
def list_job_definitions(
    *,
    job_type_prefix: str | None = None,
    limit: int = 100,
    after_job_type: str | None = None,
) -> Steps[list[JobDefinitionRecord]]:
    """
    List definitions in the order of their names.

    Pass the last one's type as *after_job_type* for the next page (limit 1 to 1000).

    Raises:
        QueryError: ``job.invalid_pagination``.
    """
    found = yield from rows(
        LIST_JOB_DEFINITIONS,
        job_type_prefix=job_type_prefix,
        after_job_type=after_job_type,
        limit=check_page_limit(limit),
    )
    return [JobDefinitionRecord(**row) for row in found]


def _set_paused(job_type: str, *, is_paused: bool) -> Steps[JobDefinitionRecord]:
    check_identifier(job_type, "job_type")
    row = yield from bounded(
        maybe(SET_JOB_TYPE_PAUSED, job_type=job_type, is_paused=is_paused)
    )
    if row is None:
        row = yield from maybe(GET_JOB_DEFINITION, job_type=job_type)
    if row is None:
        raise QueryError("job.definition_not_found", f"job type {job_type!r}")
    return JobDefinitionRecord(**row)


def _values(definition: JobDefinition) -> dict[str, object]:
    return {
        "job_type": definition.job_type,
        "version": definition.version,
        "max_attempts": definition.max_attempts,
        "timeout_seconds": definition.timeout_seconds,
        "priority": definition.priority,
        "is_enabled": definition.is_enabled,
    }


def _positive(value: int | None, code: str) -> int | None:
    return None if value is None else check_whole_number(value, code, minimum=1)


def _priority(value: int) -> int:
    code = "job_definition.invalid_priority"
    return check_whole_number(value, code, minimum=LOWEST_PRIORITY)
