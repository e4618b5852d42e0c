"""What is stored about a schedule, and what a pass over those that are due did."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  attrs resolves these at run time
from uuid import UUID  # noqa: TC003

import attrs

from runledger_core import (
    CronExpression,
    JsonValue,
    MisfirePolicy,
    OverlapPolicy,
    RunledgerError,
)

from ..records import EnqueueDisposition  # noqa: TC001


@attrs.frozen
class JobScheduleRecord:
    """
    A schedule; ``next_fire_at`` is its cursor, jitter included.

    A schedule that could not fire waits until ``deferred_until``, and keeps its slot;
    the last error stays there for people to read when that is over.
    ``last_skipped_at`` is when a slot was let go for the last time, as the policies
    say. ``last_job_id`` may be a job that retention has deleted.
    """

    id: UUID
    name: str
    job_type: str
    organization_id: UUID | None
    payload_template: JsonValue = attrs.field(repr=False)
    cron_expr: str
    timezone: str
    is_active: bool
    next_fire_at: datetime
    deferred_until: datetime | None
    last_fired_at: datetime | None
    last_skipped_at: datetime | None
    last_job_id: UUID | None
    last_error_code: str | None
    last_error_message: str | None
    last_error_at: datetime | None
    max_jitter_seconds: int
    misfire_policy: MisfirePolicy = attrs.field(converter=MisfirePolicy)
    misfire_limit: int
    overlap_policy: OverlapPolicy = attrs.field(converter=OverlapPolicy)
    created_by_user_id: UUID | None
    created_at: datetime
    updated_at: datetime

    def cron(self) -> CronExpression:
        """
        Read the expression.

        Raises:
            ValidationError: ``job_schedule.invalid_cron`` for one that came into the
                table otherwise than through this library.
        """
        return CronExpression(self.cron_expr)


@attrs.frozen
class DueSchedule:
    """A schedule that is due and locked, and the database's time when it was found."""

    schedule: JobScheduleRecord
    now: datetime


@attrs.frozen
class FiredSlot:
    """A slot and its job, which was there already if the disposition is EXISTING."""

    schedule_id: UUID
    schedule_name: str
    job_type: str
    scheduled_for: datetime
    job_id: UUID
    disposition: EnqueueDisposition


@attrs.frozen
class DeferredSchedule:
    """
    A schedule that could not fire for its slot, and when that is tried again.

    Without an error its definition was being changed at that moment.
    """

    schedule_id: UUID
    schedule_name: str
    job_type: str
    scheduled_for: datetime
    deferred_until: datetime
    error: RunledgerError | None


@attrs.frozen
class FireReport:
    """
    What one pass over due schedules did.

    ``skipped_count`` counts schedules that moved on without a job. With ``has_more``
    others may be due already; ``next_due_in_seconds`` is when the next one is, by the
    database's clock, and None when no schedule is active. It is zero or less for what
    another scheduler holds at the moment.
    """

    fired: tuple[FiredSlot, ...]
    skipped_count: int
    deferred: tuple[DeferredSchedule, ...]
    has_more: bool
    next_due_in_seconds: float | None
