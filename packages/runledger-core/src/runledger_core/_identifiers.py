"""Check identifiers: names that people choose and the ledger compares."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from .errors import ValidationError

if TYPE_CHECKING:
    import attrs

MAX_IDENTIFIER_BYTES = 512

# The same characters as the checks in the migrations: POSIX whitespace and what
# Unicode adds to it. str.isspace() is another set (it has U+001C to U+001F), so it
# must not be used here: what core accepts the database has to accept, and back.
IDENTIFIER_WHITESPACE = (
    "\t\n\v\f\r \u0085\u00a0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def check_identifier(value: object, field: str) -> str:
    """
    Return *value* as a plain str if it can be an identifier.

    An identifier is at least one character and at most 512 bytes of UTF-8, has no
    whitespace at either end, and no NUL or lone surrogate, which PostgreSQL cannot
    store. A member of a StrEnum is accepted and becomes its text.

    Args:
        value: what is to be checked.
        field: the name that the error's detail gives it.

    Raises:
        ValidationError: ``identifier.invalid_text``, ``identifier.blank``,
            ``identifier.padded`` or ``identifier.too_long``. The error never
            repeats the value.
    """
    if not isinstance(value, str):
        detail = f"{field} is of type {type(value).__name__}"
        raise ValidationError("identifier.invalid_text", detail)
    text = str.__str__(value)
    size = _utf8_size(text)
    if size is None or "\0" in text:
        raise ValidationError("identifier.invalid_text", field)
    stripped = text.strip(IDENTIFIER_WHITESPACE)
    if not stripped:
        raise ValidationError("identifier.blank", field)
    if stripped != text:
        raise ValidationError("identifier.padded", field)
    if size > MAX_IDENTIFIER_BYTES:
        raise ValidationError("identifier.too_long", f"{field} has {size} bytes")
    return text


def check_uuid(value: object, field: str) -> UUID:
    """
    Return *value* if it is a UUID.

    Raises:
        ValidationError: ``identifier.invalid_uuid``; text is refused too, since a
            scope or a lease must not depend on how it was spelt.
    """
    if not isinstance(value, UUID):
        detail = f"{field} is of type {type(value).__name__}"
        raise ValidationError("identifier.invalid_uuid", detail)
    return value


def identifier_field(
    _instance: object, attribute: attrs.Attribute[str], value: object
) -> None:
    """Validate an attrs field that holds an identifier; see `check_identifier`."""
    check_identifier(value, attribute.name)


def _utf8_size(text: str) -> int | None:
    """Return the size in UTF-8, or None if a lone surrogate makes it impossible."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return None
