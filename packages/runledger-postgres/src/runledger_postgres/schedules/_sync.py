"""Bring stored schedules into agreement with a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from runledger_core import check_identifier

from .._json_text import json_text
from .._operation import operation
from .._statements import statement
from .._steps import rows
from .._waits import bounded
from ..definitions._guards import require_enabled_definitions
from ..errors import QueryError
from ._schedules import first_fire_at, undefined

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from runledger_core import JobSchedule

    from .._steps import Row, Steps

PREPARE_JOB_SCHEDULES = statement("schedules/prepare_job_schedules")
LOCK_JOB_SCHEDULES = statement("schedules/lock_job_schedules")
SYNC_JOB_SCHEDULES = statement("schedules/sync_job_schedules")
DEACTIVATE_ABSENT_SCHEDULES = statement("schedules/deactivate_absent_schedules")
LIST_SYNCED_SCHEDULES = statement("schedules/list_synced_schedules")


@attrs.frozen
class ScheduleSyncReport:
    """What a sync changed: the schedules that it wrote, and that it deactivated."""

    written_names: frozenset[str]
    deactivated_absent_names: frozenset[str] = frozenset()


@operation
def sync_job_schedules(
    schedules: Sequence[JobSchedule], *, restore_active: bool = True
) -> Steps[ScheduleSyncReport]:
    """
    Write a catalog's schedules by their names; others are left alone.

    The rules are those of ``upsert_job_schedule``, but whether a schedule is active is
    the catalog's word too. With ``restore_active=False`` one that was deactivated in
    the database stays so, as an operator wants it who stopped a schedule, and one that
    the catalog has inactive is deactivated. A repeat writes nothing. Locks the
    schedules that it writes in the order of their names, and then the definitions of
    the active ones FOR SHARE.

    Raises:
        QueryError: ``job_schedule.definition_not_found_or_disabled`` for an active
            schedule, ``job.definition_not_found`` for any.
        ValueError: two schedules have the same name.
    """
    _refuse_doubles(schedules)
    if not schedules:
        return ScheduleSyncReport(frozenset())
    return ScheduleSyncReport(
        (yield from _sync(schedules, restore_active=restore_active))
    )


@operation
def sync_job_schedules_exact(
    schedules: Sequence[JobSchedule], *, scope_job_types: Collection[str]
) -> Steps[ScheduleSyncReport]:
    """
    Write a catalog's schedules, and deactivate those in scope that it does not have.

    The scope are all schedules of *scope_job_types*, whoever made them; the catalog
    may be empty and so deactivate them all. Jobs that were enqueued are left alone. A
    repeat writes nothing. Locks the schedules of catalog and scope in the order of
    their names, waiting for a scheduler that is firing one of them, and then the
    definitions of the active ones FOR SHARE. To take a job type out of use, do this
    first and ``sync_job_definitions_exact`` after it.

    Raises:
        QueryError: ``job_schedule.empty_scope``; and as ``sync_job_schedules``.
        ValidationError: ``identifier.*``.
        ValueError: two schedules have the same name.
    """
    _refuse_doubles(schedules)
    scope = sorted({check_identifier(each, "job_type") for each in scope_job_types})
    if not scope:
        raise QueryError("job_schedule.empty_scope")
    names = [schedule.name for schedule in schedules]
    yield from bounded(rows(LOCK_JOB_SCHEDULES, names=names, job_types=scope))
    absent = yield from rows(DEACTIVATE_ABSENT_SCHEDULES, names=names, job_types=scope)
    written: frozenset[str] = frozenset()
    if schedules:
        written = yield from _sync(schedules, restore_active=True)
    return ScheduleSyncReport(written, frozenset(row["name"] for row in absent))


def _sync(
    schedules: Sequence[JobSchedule], *, restore_active: bool
) -> Steps[frozenset[str]]:
    names = [schedule.name for schedule in schedules]
    found = yield from rows(PREPARE_JOB_SCHEDULES, names=names)
    prepared = {row["name"]: row for row in found}
    written = yield from bounded(
        rows(
            SYNC_JOB_SCHEDULES,
            restore_active=restore_active,
            **_columns(schedules, [prepared[name] for name in names]),
        )
    )
    stored = yield from rows(LIST_SYNCED_SCHEDULES, names=names)
    by_name = {row["name"]: row for row in stored}
    for schedule in schedules:
        row = by_name.get(schedule.name)
        if row is None or row["job_type"] != schedule.job_type:
            raise undefined(schedule)
    yield from require_enabled_definitions(
        [row["job_type"] for row in stored if row["is_active"]]
    )
    return frozenset(row["name"] for row in written)


def _refuse_doubles(schedules: Sequence[JobSchedule]) -> None:
    if len({schedule.name for schedule in schedules}) < len(schedules):
        raise ValueError("two schedules have the same name")


def _columns(
    schedules: Sequence[JobSchedule], prepared: Sequence[Row]
) -> dict[str, list[Any]]:
    """Turn the schedules on their side: the statement takes a list a column."""
    return {
        "schedule_ids": [row["schedule_id"] for row in prepared],
        "names": [s.name for s in schedules],
        "job_types": [s.job_type for s in schedules],
        "organization_ids": [s.organization_id for s in schedules],
        "payload_templates": [json_text(s.payload_template) for s in schedules],
        "cron_exprs": [s.cron.text for s in schedules],
        "are_active": [s.is_active for s in schedules],
        "next_fires_at": [
            first_fire_at(schedule, row)
            for schedule, row in zip(schedules, prepared, strict=True)
        ],
        "max_jitters_seconds": [s.max_jitter_seconds for s in schedules],
        "misfire_policies": [s.misfire_policy.value for s in schedules],
        "misfire_limits": [s.misfire_limit for s in schedules],
        "overlap_policies": [s.overlap_policy.value for s in schedules],
        "created_by_user_ids": [s.created_by_user_id for s in schedules],
    }
