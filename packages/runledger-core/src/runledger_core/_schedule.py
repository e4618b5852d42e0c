"""Describe a schedule: which job to enqueue, and when."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - cattrs resolves the hints
from uuid import UUID  # noqa: TC003

import attrs

from ._cron import CronExpression, check_jitter
from ._identifiers import check_identifier, check_uuid
from ._instants import check_instant
from ._json import JsonInput, JsonValue, check_json
from .errors import ValidationError


def check_schedule_name(value: object) -> str:
    """
    Return *value* if it can name a schedule.

    Raises:
        ValidationError: ``job_schedule.invalid_name``.
    """
    try:
        return check_identifier(value, "name")
    except ValidationError as error:
        raise ValidationError("job_schedule.invalid_name", error.code) from None


def _job_type(value: str) -> str:
    return check_identifier(value, "job_type")


def _cron(value: str | CronExpression) -> CronExpression:
    return value if isinstance(value, CronExpression) else CronExpression(value)


def _payload_template(value: JsonInput) -> JsonValue:
    return check_json(value, "job.payload_not_json")


def _organization_id(value: UUID | None) -> UUID | None:
    return None if value is None else check_uuid(value, "organization_id")


def _created_by_user_id(value: UUID | None) -> UUID | None:
    return None if value is None else check_uuid(value, "created_by_user_id")


def _next_fire_at(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    return check_instant(value, "job_schedule.invalid_fire_time")


@attrs.frozen
class JobSchedule:
    """
    Ask for jobs at the times of a cron expression. Everything is checked here.

    Args:
        name: what finds the schedule again; one name, one schedule.
        job_type: an active schedule needs an enabled definition of this type.
        cron: five fields, or six with the seconds first, in UTC.
        organization_id: whose jobs they are; None makes them global.
        payload_template: the payload of each job, any JSON value.
        is_active: whether it fires.
        max_jitter_seconds: how much later than its occurrence it may fire, 0 to
            86400.
        next_fire_at: when it fires first; None means at its first occurrence.
        created_by_user_id: kept for the application.

    Raises:
        ValidationError: ``job_schedule.invalid_name``, ``job_schedule.invalid_cron``,
            ``job_schedule.invalid_jitter``, ``job_schedule.invalid_fire_time``,
            ``job.payload_not_json``, ``identifier.*``.
        TypeError: *is_active* is not a bool.
    """

    name: str = attrs.field(converter=check_schedule_name)
    job_type: str = attrs.field(converter=_job_type)
    cron: CronExpression = attrs.field(converter=_cron)
    organization_id: UUID | None = attrs.field(
        default=None, converter=_organization_id, kw_only=True
    )
    payload_template: JsonValue = attrs.field(
        factory=dict, converter=_payload_template, repr=False, hash=False, kw_only=True
    )
    is_active: bool = attrs.field(
        default=True, validator=attrs.validators.instance_of(bool), kw_only=True
    )
    max_jitter_seconds: int = attrs.field(
        default=0, converter=check_jitter, kw_only=True
    )
    next_fire_at: datetime | None = attrs.field(
        default=None, converter=_next_fire_at, kw_only=True
    )
    created_by_user_id: UUID | None = attrs.field(
        default=None, converter=_created_by_user_id, kw_only=True
    )
