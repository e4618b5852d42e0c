"""Write and read schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import (
    check_identifier,
    check_instant,
    check_schedule_name,
    next_fire_at,
)

from .._json_text import json_text
from .._operation import operation
from .._paging import check_page_limit
from .._statements import scoped_statement, statement
from .._steps import maybe, one, rows
from .._waits import bounded
from ..definitions._guards import require_enabled_definition
from ..errors import QueryError
from ._records import JobScheduleRecord

if TYPE_CHECKING:
    from datetime import datetime

    from runledger_core import JobSchedule, Scope

    from .._steps import Row, Steps

PREPARE_JOB_SCHEDULE = statement("schedules/prepare_job_schedule")
UPSERT_JOB_SCHEDULE = statement("schedules/upsert_job_schedule")
SET_JOB_SCHEDULE_ACTIVE = statement("schedules/set_job_schedule_active")
SET_JOB_SCHEDULE_NEXT_FIRE_AT = statement("schedules/set_job_schedule_next_fire_at")
GET_JOB_SCHEDULE = scoped_statement("schedules/get_job_schedule")
LIST_JOB_SCHEDULES = scoped_statement("schedules/list_job_schedules")

GET_ANY_JOB_SCHEDULE = GET_JOB_SCHEDULE.variants["everything"]


@operation
def upsert_job_schedule(schedule: JobSchedule) -> Steps[JobScheduleRecord]:
    """
    Write a schedule by its name.

    Of one that exists, job type, payload template, expression, jitter and policies are
    replaced; whether it is active and whose it is are kept. Its cursor is kept too,
    unless the expression changed: then it is *next_fire_at* of the schedule or else
    the first occurrence from now on the database's clock. A repeat writes nothing.
    Locks the schedule's row, and then, when it is active, the definition FOR SHARE.

    Raises:
        QueryError: ``job_schedule.definition_not_found_or_disabled`` for an active
            schedule, ``job.definition_not_found`` for any.
    """
    prepared = yield from one(PREPARE_JOB_SCHEDULE, name=schedule.name)
    row = yield from bounded(maybe(UPSERT_JOB_SCHEDULE, **_values(schedule, prepared)))
    if row is None:
        row = yield from maybe(GET_ANY_JOB_SCHEDULE, name=schedule.name)
        if row is None or row["job_type"] != schedule.job_type:
            raise undefined(schedule)
    if row["is_active"]:
        yield from require_enabled_definition(row["job_type"])
    return JobScheduleRecord(**row)


@operation
def set_job_schedule_active(
    name: str, *, is_active: bool
) -> Steps[JobScheduleRecord | None]:
    """
    Activate or deactivate a schedule; None when there is none of this name.

    The cursor is kept: what becomes of the slots that passed meanwhile is up to the
    schedule's misfire policy, unless ``set_job_schedule_next_fire_at`` moves it. A
    repeat writes nothing. Locks the schedule's row, and then, to activate it, the
    definition FOR SHARE.

    Raises:
        QueryError: ``job_schedule.definition_not_found_or_disabled``.
        ValidationError: ``job_schedule.invalid_name``.
    """
    check_schedule_name(name)
    row = yield from bounded(
        maybe(SET_JOB_SCHEDULE_ACTIVE, name=name, is_active=is_active)
    )
    if row is None:
        row = yield from maybe(GET_ANY_JOB_SCHEDULE, name=name)
    if row is None:
        return None
    if row["is_active"]:
        yield from require_enabled_definition(row["job_type"])
    return JobScheduleRecord(**row)


@operation
def set_job_schedule_next_fire_at(
    name: str, *, next_fire_at: datetime
) -> Steps[JobScheduleRecord | None]:
    """
    Move a schedule's cursor; None when there is none of this name.

    One in the past fires at once, also a schedule that was put off after an error. No
    jitter is added. A slot that has a job already gets no other. Locks the schedule's
    row.

    Raises:
        ValidationError: ``job_schedule.invalid_name``,
            ``job_schedule.invalid_fire_time``.
    """
    row = yield from bounded(
        maybe(
            SET_JOB_SCHEDULE_NEXT_FIRE_AT,
            name=check_schedule_name(name),
            next_fire_at=check_instant(next_fire_at, "job_schedule.invalid_fire_time"),
        )
    )
    return None if row is None else JobScheduleRecord(**row)


@operation
def get_job_schedule_by_name(
    name: str, *, scope: Scope
) -> Steps[JobScheduleRecord | None]:
    """Read a schedule, None when there is none of this name within *scope*."""
    read, extra = GET_JOB_SCHEDULE.within(scope)
    row = yield from maybe(read, name=check_schedule_name(name), **extra)
    return None if row is None else JobScheduleRecord(**row)


@operation
def list_job_schedules(
    *,
    scope: Scope,
    is_active: bool | None = None,
    job_type: str | None = None,
    limit: int = 100,
    after_name: str | None = None,
) -> Steps[list[JobScheduleRecord]]:
    """
    List schedules within *scope* in the order of their names.

    Pass the last one's name as *after_name* for the next page (limit 1 to 1000).

    Raises:
        QueryError: ``job.invalid_pagination``.
        ValidationError: ``identifier.*`` for a job type that cannot exist.
    """
    if job_type is not None:
        check_identifier(job_type, "job_type")
    read, extra = LIST_JOB_SCHEDULES.within(scope)
    found = yield from rows(
        read,
        is_active=is_active,
        job_type=job_type,
        after_name=after_name,
        limit=check_page_limit(limit),
        **extra,
    )
    return [JobScheduleRecord(**row) for row in found]


def _values(schedule: JobSchedule, prepared: Row) -> dict[str, object]:
    return {
        "schedule_id": prepared["schedule_id"],
        "name": schedule.name,
        "job_type": schedule.job_type,
        "organization_id": schedule.organization_id,
        "payload_template": json_text(schedule.payload_template),
        "cron_expr": schedule.cron.text,
        "is_active": schedule.is_active,
        "next_fire_at": first_fire_at(schedule, prepared),
        "max_jitter_seconds": schedule.max_jitter_seconds,
        "misfire_policy": schedule.misfire_policy.value,
        "misfire_limit": schedule.misfire_limit,
        "overlap_policy": schedule.overlap_policy.value,
        "created_by_user_id": schedule.created_by_user_id,
    }


def first_fire_at(schedule: JobSchedule, prepared: Row) -> datetime:
    """Return when a schedule fires first that begins at the prepared time."""
    return schedule.next_fire_at or next_fire_at(
        schedule.cron,
        after=prepared["now"],
        schedule_id=prepared["schedule_id"],
        max_jitter_seconds=schedule.max_jitter_seconds,
    )


def undefined(schedule: JobSchedule) -> QueryError:
    """Return the error for a schedule whose job type has no definition."""
    code = (
        "job_schedule.definition_not_found_or_disabled"
        if schedule.is_active
        else "job.definition_not_found"
    )
    return QueryError(code, f"job type {schedule.job_type!r}")
