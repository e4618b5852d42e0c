"""Check points in time and bring them into one form."""

from __future__ import annotations

from datetime import UTC, datetime

from .errors import ValidationError


def check_instant(value: object, code: str) -> datetime:
    """
    Return *value* as a plain datetime in UTC, to the microsecond.

    Raises:
        ValidationError: *code*; a datetime without a time zone is refused, since it is
            no point in time, and one outside the years 1 to 9999 in UTC.
    """
    if not isinstance(value, datetime):
        raise ValidationError(code, f"it is of type {type(value).__name__}")
    if value.utcoffset() is None:
        raise ValidationError(code, "it has no time zone")
    try:
        utc = value.astimezone(UTC)
    except OverflowError:
        raise ValidationError(code, "it is out of range in UTC") from None
    # Rebuilt field by field: subclasses carry more than microseconds, and the
    # snapshot of a keyed request must not depend on the class that carried it.
    return datetime(
        utc.year,
        utc.month,
        utc.day,
        utc.hour,
        utc.minute,
        utc.second,
        utc.microsecond,
        tzinfo=UTC,
    )
