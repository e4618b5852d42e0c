"""
Work out when schedules fire.

A cron expression has five fields (minute, hour, day of month, month, day of week), or
six with the seconds first, and is meant in UTC. Fields hold numbers, names of months
and days, lists, ranges and steps; ``?`` stands for ``*`` where a day is meant. Day of
week is 0 to 7, Sunday being 0 and 7. When both day fields are restricted a day fits if
either does, as in every cron since Vixie's.

Jitter moves each occurrence by up to so many seconds, always later, and always by as
much for the same schedule and occurrence, so that every process works out the same.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ._instants import check_instant
from ._numbers import check_whole_number
from .errors import ValidationError

if TYPE_CHECKING:
    from uuid import UUID

    from croniter import croniter

MAX_JITTER_SECONDS = 86_400

_CODE: Final = "job_schedule.invalid_cron"
_MAX_LENGTH: Final = 512
_FIELD_COUNTS: Final = (5, 6)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
# croniter knows more: hashed and random values, last days. They are left out until
# somebody needs them, since what is stored once must be understood for ever.
_PLAIN: Final = re.compile(r"[0-9A-Za-z*,/? -]+")
_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DAYS: Final = "sun|mon|tue|wed|thu|fri|sat"
_NAMES: Final = frozenset(f"{_MONTHS}|{_DAYS}".split("|"))


def _checked(value: str) -> str:
    if not isinstance(value, str):
        raise ValidationError(_CODE, f"it is of type {type(value).__name__}")
    text = str.__str__(value)
    if len(text) > _MAX_LENGTH:
        raise ValidationError(_CODE, f"it has {len(text)} characters")
    if text != text.strip() or not _PLAIN.fullmatch(text):
        raise ValidationError(_CODE)
    count = len(text.split())
    if count not in _FIELD_COUNTS:
        raise ValidationError(_CODE, f"it has {count} fields")
    if not {name.lower() for name in re.findall("[A-Za-z]+", text)} <= _NAMES:
        raise ValidationError(_CODE)
    try:
        _occurrences(text, _EPOCH).get_next(datetime)
    except ValueError:
        # Also what can be read and never comes, such as the 30th of February.
        raise ValidationError(_CODE) from None
    return text


@attrs.frozen
class CronExpression:
    """
    A cron expression that can be read and has a next occurrence.

    Raises:
        ValidationError: ``job_schedule.invalid_cron``.
    """

    text: str = attrs.field(converter=_checked)

    def next_after(self, reference: datetime) -> datetime:
        """
        Return the first occurrence strictly after *reference*, in UTC.

        Raises:
            ValidationError: ``job_schedule.invalid_fire_time`` for a reference that is
                no point in time.
        """
        instant = check_instant(reference, "job_schedule.invalid_fire_time")
        # Occurrences are whole seconds, so a fraction changes nothing, and croniter
        # works in floating point.
        found = _occurrences(self.text, instant.replace(microsecond=0))
        return _next(found)

    def __str__(self) -> str:
        return self.text


def jittered_fire_at(
    occurrence: datetime, *, schedule_id: UUID, max_jitter_seconds: int
) -> datetime:
    """
    Return when a schedule fires for an occurrence: up to so many seconds later.

    Raises:
        ValidationError: ``job_schedule.invalid_jitter``.
    """
    limit = check_jitter(max_jitter_seconds)
    milliseconds = (occurrence - _EPOCH) // _MILLISECOND % 2**128
    return occurrence + timedelta(
        seconds=(schedule_id.int ^ milliseconds) % (limit + 1)
    )


def next_fire_at(
    cron: CronExpression,
    *,
    after: datetime,
    schedule_id: UUID,
    max_jitter_seconds: int = 0,
) -> datetime:
    """Return when a schedule fires for its first occurrence after *after*."""
    return jittered_fire_at(
        cron.next_after(after),
        schedule_id=schedule_id,
        max_jitter_seconds=max_jitter_seconds,
    )


def next_fire_at_after_firing(
    cron: CronExpression,
    *,
    scheduled_for: datetime,
    now: datetime,
    schedule_id: UUID,
    max_jitter_seconds: int = 0,
) -> datetime:
    """
    Return when a schedule that has fired for *scheduled_for* fires again: after *now*.

    Of all occurrences after *scheduled_for* the one that fires first after *now*: what
    an outage has missed beyond the one that fired is let go. An occurrence before
    *now* counts if its jitter carries it past, so that with a jitter of a day and an
    occurrence every second a day of seconds is walked through.

    Raises:
        ValidationError: ``job_schedule.invalid_fire_time``,
            ``job_schedule.invalid_jitter``.
    """
    limit = check_jitter(max_jitter_seconds)
    fired = check_instant(scheduled_for, "job_schedule.invalid_fire_time")
    present = check_instant(now, "job_schedule.invalid_fire_time")
    # No jitter carries an earlier occurrence past now.
    start = max(fired, present - timedelta(seconds=limit))
    found = _occurrences(cron.text, start.replace(microsecond=0))
    best: datetime | None = None
    while True:
        occurrence = _next(found)
        # None that is later still can fire before the best so far.
        if best is not None and occurrence >= best:
            return best
        candidate = jittered_fire_at(
            occurrence, schedule_id=schedule_id, max_jitter_seconds=limit
        )
        if candidate > present and (best is None or candidate < best):
            best = candidate


def check_jitter(value: object) -> int:
    """
    Return *value* if it is a whole number of seconds from 0 to 86400.

    Raises:
        ValidationError: ``job_schedule.invalid_jitter``.
    """
    code = "job_schedule.invalid_jitter"
    return check_whole_number(value, code, minimum=0, maximum=MAX_JITTER_SECONDS)


def _occurrences(text: str, start: datetime) -> croniter:
    # Imported here: it is slow to load, and most who import core schedule nothing.
    from croniter import croniter  # noqa: PLC0415

    return croniter(text, start, second_at_beginning=True)


def _next(found: croniter) -> datetime:
    occurrence: datetime = found.get_next(datetime)
    return occurrence.replace(tzinfo=UTC)
