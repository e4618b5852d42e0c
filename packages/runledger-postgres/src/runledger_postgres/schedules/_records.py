"""What is stored about a schedule."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  attrs resolves these at run time
from uuid import UUID  # noqa: TC003

import attrs

from runledger_core import CronExpression, JsonValue


@attrs.frozen
class JobScheduleRecord:
    """A schedule; ``next_fire_at`` is its cursor, jitter included."""

    id: UUID
    name: str
    job_type: str
    organization_id: UUID | None
    payload_template: JsonValue = attrs.field(repr=False)
    cron_expr: str
    timezone: str
    is_active: bool
    next_fire_at: datetime
    last_fired_at: datetime | None
    max_jitter_seconds: int
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
