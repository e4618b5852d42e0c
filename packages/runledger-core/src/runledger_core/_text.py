"""Check texts that people write for people: reasons, messages."""

from __future__ import annotations

from ._identifiers import IDENTIFIER_WHITESPACE
from .errors import ValidationError

MAX_TEXT_BYTES = 65536


def check_text(value: object, code: str) -> str:
    """
    Return *value* as a plain str if PostgreSQL can store it and it says something.

    Unlike an identifier it may be padded and is up to 64 KiB long.

    Raises:
        ValidationError: *code*, with what is wrong: not a str, blank, too long, or a
            NUL character or lone surrogate in it. The error never repeats the text.
    """
    if not isinstance(value, str):
        raise ValidationError(code, f"it is of type {type(value).__name__}")
    text = str.__str__(value)
    if not text.strip(IDENTIFIER_WHITESPACE):
        raise ValidationError(code, "it is blank")
    if "\0" in text:
        raise ValidationError(code, "it has a NUL character")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValidationError(code, "it has a lone surrogate") from None
    if size > MAX_TEXT_BYTES:
        raise ValidationError(code, f"it has {size} bytes")
    return text
