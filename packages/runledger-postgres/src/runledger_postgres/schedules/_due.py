"""Take schedules that are due, and move them on: what a scheduler is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import check_instant, check_uuid

from .._operation import operation
from .._statements import statement
from .._steps import rows
from .._waits import bounded
from ..errors import QueryError
from ._records import DueSchedule, JobScheduleRecord

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from .._steps import Steps

CLAIM_DUE_SCHEDULES = statement("schedules/claim_due_schedules")
MARK_SCHEDULE_FIRED = statement("schedules/mark_schedule_fired")

MAX_CLAIM_LIMIT = 1000


@operation
def claim_due_schedules(*, limit: int) -> Steps[list[DueSchedule]]:
    """
    Lock up to *limit* schedules (1 to 1000) that are due, the longest due first.

    For a connection inside a transaction, whose end releases them: enqueue their jobs
    and call ``mark_schedule_fired`` before it. Given a pool it only looks. Due is what
    the database's clock says; schedules that another scheduler holds are stepped over.

    Raises:
        QueryError: ``job.invalid_claim_limit``.
    """
    if not 1 <= limit <= MAX_CLAIM_LIMIT:
        raise QueryError("job.invalid_claim_limit")
    found = yield from rows(CLAIM_DUE_SCHEDULES, limit=limit)
    return [
        DueSchedule(
            JobScheduleRecord(**{name: row[name] for name in row if name != "now"}),
            row["now"],
        )
        for row in found
    ]


@operation
def mark_schedule_fired(
    schedule_id: UUID, *, scheduled_for: datetime, next_fire_at: datetime
) -> Steps[bool]:
    """
    Move a schedule on from the slot *scheduled_for* to *next_fire_at*.

    False, and nothing is written, when the schedule is gone or its cursor is no longer
    *scheduled_for*: then the job of this slot must not be committed. Sets
    ``last_fired_at`` to the database's time. Locks the schedule's row.

    Raises:
        ValidationError: ``job_schedule.invalid_fire_time``,
            ``identifier.invalid_uuid``.
    """
    code = "job_schedule.invalid_fire_time"
    marked = yield from bounded(
        rows(
            MARK_SCHEDULE_FIRED,
            schedule_id=check_uuid(schedule_id, "schedule_id"),
            scheduled_for=check_instant(scheduled_for, code),
            next_fire_at=check_instant(next_fire_at, code),
        )
    )
    return bool(marked)
