"""Describe a schedule: which job to enqueue, and when."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - cattrs resolves the hints
from typing import TypeVar
from uuid import UUID  # noqa: TC003

import attrs

from ._cron import CronExpression, make_cron
from ._firing import check_jitter
from ._identifiers import check_identifier, check_uuid
from ._instants import check_instant
from ._json import JsonInput, JsonValue, check_json
from ._schedule_policies import MisfirePolicy, OverlapPolicy, check_misfire_limit
from .errors import ValidationError

_Policy = TypeVar("_Policy", MisfirePolicy, OverlapPolicy)


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


def _payload_template(value: JsonInput) -> JsonValue:
    return check_json(value, "job.payload_not_json")


def _organization_id(value: UUID | None) -> UUID | None:
    return None if value is None else check_uuid(value, "organization_id")


def _created_by_user_id(value: UUID | None) -> UUID | None:
    return None if value is None else check_uuid(value, "created_by_user_id")


def _misfire_policy(value: MisfirePolicy) -> MisfirePolicy:
    return _policy(MisfirePolicy, value)


def _overlap_policy(value: OverlapPolicy) -> OverlapPolicy:
    return _policy(OverlapPolicy, value)


def _policy(policies: type[_Policy], value: _Policy) -> _Policy:
    try:
        return policies(value)
    except ValueError:
        names = ", ".join(policies)
        raise ValidationError("job_schedule.invalid_policy", names) from None


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
        misfire_policy: what becomes of slots that passed without a scheduler.
        misfire_limit: the most jobs that ``MisfirePolicy.ALL`` makes for them at
            once, 1 to 1000; the other policies do not ask.
        overlap_policy: what happens while the schedule's last job has not ended.
        next_fire_at: when it fires first; None means at its first occurrence.
        created_by_user_id: kept for the application.

    Raises:
        ValidationError: ``job_schedule.invalid_name``, ``job_schedule.invalid_cron``,
            ``job_schedule.invalid_jitter``, ``job_schedule.invalid_fire_time``,
            ``job_schedule.invalid_misfire_limit``, ``job_schedule.invalid_policy``,
            ``job.payload_not_json``, ``identifier.*``.
        TypeError: *is_active* is not a bool.
    """

    name: str = attrs.field(converter=check_schedule_name)
    job_type: str = attrs.field(converter=_job_type)
    cron: CronExpression = attrs.field(converter=make_cron)
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
    misfire_policy: MisfirePolicy = attrs.field(
        default=MisfirePolicy.ONCE, converter=_misfire_policy, kw_only=True
    )
    misfire_limit: int = attrs.field(
        default=100, converter=check_misfire_limit, kw_only=True
    )
    overlap_policy: OverlapPolicy = attrs.field(
        default=OverlapPolicy.ALLOW, converter=_overlap_policy, kw_only=True
    )
    next_fire_at: datetime | None = attrs.field(
        default=None, converter=_next_fire_at, kw_only=True
    )
    created_by_user_id: UUID | None = attrs.field(
        default=None, converter=_created_by_user_id, kw_only=True
    )
