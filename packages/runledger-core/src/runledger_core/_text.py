"""Check texts that are stored as they are: reasons, messages, trace contexts."""

from __future__ import annotations

from collections.abc import Mapping

from ._identifiers import IDENTIFIER_WHITESPACE
from .errors import ValidationError

MAX_TEXT_BYTES = 65536
MAX_TRACE_CONTEXT_BYTES = 2048
_TRACE_CODE = "job.invalid_trace_context"


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


def check_trace_context(value: object) -> dict[str, str]:
    """
    Return a copy of a mapping of short texts.

    Raises:
        ValidationError: ``job.invalid_trace_context``.
    """
    if not isinstance(value, Mapping):
        raise ValidationError(_TRACE_CODE, f"it is of type {type(value).__name__}")
    size = 0
    for text in (*value.keys(), *value.values()):
        if not isinstance(text, str):
            raise ValidationError(
                _TRACE_CODE, f"it has a part of type {type(text).__name__}"
            )
        if not text.isprintable():
            raise ValidationError(_TRACE_CODE, "it has unprintable characters")
        size += len(text.encode())
    if size > MAX_TRACE_CONTEXT_BYTES:
        raise ValidationError(_TRACE_CODE, f"it has {size} bytes")
    return dict(value)
