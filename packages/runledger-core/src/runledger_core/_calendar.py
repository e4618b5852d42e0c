"""Walk through the occurrences of a cron expression, many in little time."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DAY_SECONDS: Final = 86_400
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_DAYS_PER_WEEK: Final = 7
_WITH_SECONDS: Final = 6


@attrs.frozen
class Calendar:
    """
    Hold the values that the fields of an expression stand for.

    croniter reads expressions, which is the hard part, but needs a tenth of a
    millisecond for each occurrence. A schedule of every second with a jitter of a day
    has to look at 86,400 of them.

    Args:
        days: days of the month; None means that the expression does not restrict them.
        weekdays: Sunday is 0; None as for *days*. When both are restricted, either
            will do.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None

    @classmethod
    def of(cls, fields: Sequence[Sequence[int | str]]) -> Calendar:
        """Make one of what ``croniter.expand`` found, seconds last if there are any."""
        minutes, hours, days, months, weekdays = fields[:5]
        seconds = fields[5] if len(fields) == _WITH_SECONDS else (0,)
        return cls(
            seconds=_values(seconds, range(60)),
            minutes=_values(minutes, range(60)),
            hours=_values(hours, range(24)),
            days=_restriction(days),
            months=frozenset(_values(months, range(1, 13))),
            weekdays=_restriction(weekdays),
        )

    def after(self, instant: int) -> Iterator[int]:
        """
        Yield the occurrences after *instant*, all in seconds since the epoch.

        They end with the year 9999.
        """
        first_day = instant // _DAY_SECONDS
        for number in range(first_day, date.max.toordinal() - _EPOCH_DAY + 1):
            if not self._has_day(date.fromordinal(_EPOCH_DAY + number)):
                continue
            midnight = number * _DAY_SECONDS
            if number == first_day:
                yield from (at for at in self._of_day(midnight) if at > instant)
            else:
                yield from self._of_day(midnight)

    def _of_day(self, midnight: int) -> Iterator[int]:
        for hour in self.hours:
            for minute in self.minutes:
                start = midnight + hour * 3600 + minute * 60
                for second in self.seconds:
                    yield start + second

    def _has_day(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        weekday = day.isoweekday() % _DAYS_PER_WEEK
        if self.days is None:
            return self.weekdays is None or weekday in self.weekdays
        if self.weekdays is None:
            return day.day in self.days
        return day.day in self.days or weekday in self.weekdays


def _values(field: Sequence[int | str], everything: range) -> tuple[int, ...]:
    return tuple(everything) if "*" in field else tuple(sorted(map(int, field)))


def _restriction(field: Sequence[int | str]) -> frozenset[int] | None:
    return None if "*" in field else frozenset(map(int, field))
