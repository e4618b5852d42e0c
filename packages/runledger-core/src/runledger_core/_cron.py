"""
Read cron expressions.

A cron expression has five fields (minute, hour, day of month, month, day of week), or
six with the seconds first, and is meant in UTC. Fields hold numbers, names of months
and days, lists, ranges and steps; ``?`` stands for ``*`` where a day is meant. Day of
week is 0 to 7, Sunday being 0 and 7. When both day fields are restricted a day fits if
either does, as in every cron since Vixie's.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ._calendar import Calendar
from ._instants import check_instant
from .errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODE: Final = "job_schedule.invalid_cron"
_MAX_LENGTH: Final = 512
_FIELD_COUNTS: Final = (5, 6)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
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
    return text


def _calendar(text: str) -> Calendar:
    # Imported here: it is slow to load, and most who import core schedule nothing.
    from croniter import croniter  # noqa: PLC0415

    try:
        found = croniter(text, _EPOCH, second_at_beginning=True)
        # Refuses what can be read and never comes, such as the 30th of February.
        found.get_next(datetime)
    except ValueError:
        raise ValidationError(_CODE) from None
    return Calendar.of(found.expanded)


@attrs.frozen
class CronExpression:
    """
    A cron expression that can be read and has a next occurrence.

    Raises:
        ValidationError: ``job_schedule.invalid_cron``.
    """

    text: str = attrs.field(converter=_checked)
    _calendar: Calendar = attrs.field(init=False, eq=False, repr=False)

    @_calendar.default
    def _read(self) -> Calendar:
        return _calendar(self.text)

    def next_after(self, reference: datetime) -> datetime:
        """
        Return the first occurrence strictly after *reference*, in UTC.

        Raises:
            ValidationError: ``job_schedule.invalid_fire_time`` for a reference that is
                no point in time, or that nothing follows before the year 10000.
        """
        return next(self.occurrences_after(reference))

    def occurrences_after(self, reference: datetime) -> Iterator[datetime]:
        """
        Yield the occurrences strictly after *reference*, in UTC.

        Raises:
            ValidationError: as `next_after`, in its turn.
        """
        code = "job_schedule.invalid_fire_time"
        instant = check_instant(reference, code)
        # Occurrences are whole seconds, so a fraction of one changes nothing.
        for seconds in self._calendar.after((instant - _EPOCH) // _SECOND):
            yield _EPOCH + timedelta(seconds=seconds)
        raise ValidationError(code, "nothing comes after it before the year 10000")

    def __str__(self) -> str:
        return self.text


def make_cron(value: str | CronExpression) -> CronExpression:
    """
    Return *value*, read if it is a text.

    Raises:
        ValidationError: ``job_schedule.invalid_cron``.
    """
    return value if isinstance(value, CronExpression) else CronExpression(value)
