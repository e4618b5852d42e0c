"""Check whole numbers against the range of the column that will hold them."""

from __future__ import annotations

from .errors import ValidationError

MAX_INT32 = 2**31 - 1
MIN_INT32 = -(2**31)
MAX_INT64 = 2**63 - 1


def check_whole_number(
    value: object,
    code: str,
    *,
    minimum: int,
    maximum: int = MAX_INT32,
    field: str | None = None,
) -> int:
    """
    Return *value* as a plain int between *minimum* and *maximum*.

    Raises:
        ValidationError: *code*; a bool is refused, since True is no number of
            attempts.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        prefix = "" if field is None else f"{field} is "
        raise ValidationError(code, f"{prefix}of type {type(value).__name__}")
    if not minimum <= value <= maximum:
        raise ValidationError(code, field)
    return int(value)
