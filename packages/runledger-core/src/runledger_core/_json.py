"""Check and copy JSON values, so that what is stored is what was passed."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import attrs

from .errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the ledger holds, and what comes back from it.
JsonValue: TypeAlias = Union[  # noqa: UP007 - the alias refers to itself
    bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"], None
]

# What callers may pass. Containers are invariant to type checkers, so a variable of
# type dict[str, int] would not fit JsonValue; what is inside is checked at run time.
JsonInput: TypeAlias = (
    bool | int | float | str | list[Any] | tuple[Any, ...] | dict[str, Any] | None
)

MAX_JSON_DEPTH = 512

# jsonb keeps whole numbers of up to 131072 digits, but Python refuses to turn more
# than 4300 into text, and nobody means more than this.
_INTEGER_LIMIT = 10**1000

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_json(value: object, code: str) -> JsonValue:
    """
    Return a copy of *value* in plain JSON types, detached from the original.

    Accepted are dict with str keys, list, tuple (which becomes a list), str, int,
    float, bool and None, and subclasses of these, such as members of a StrEnum.
    Refused is what jsonb cannot hold or would hold as something else: other types,
    NaN and infinities, NUL characters, lone surrogates, whole numbers of more than
    1000 digits, and nesting deeper than 512 levels, so also a value inside itself.

    Raises:
        ValidationError: *code*, with the path of the first fault, such as
            ``$.items[3]``, and what is wrong there. It never repeats a value, nor a
            key that is more than letters, digits, ``_`` and ``-``.
    """
    levels: list[_Level] = []
    try:
        result = _enter_or_copy(value, levels)
        # A loop, not a recursion: the depth of the data must not matter to a caller
        # whose own stack is already deep.
        while levels:
            if not _copy_until_container(levels):
                levels.pop()
    except _FaultError as fault:
        detail = f"{_path(levels)} {fault.reason}"
        raise ValidationError(code, detail) from None
    return result


class _FaultError(Exception):
    """Say what is wrong with the value that is being copied."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@attrs.define
class _Level:
    """Keep one open container: its rest, its copy, and where it stands."""

    rest: Iterator[tuple[object, object]]
    copy: list[JsonValue] | dict[str, JsonValue]
    key: object = None
    position: int = -1


def _copy_until_container(levels: list[_Level]) -> bool:
    """Copy the innermost level up to its next container; False when it has ended."""
    level = levels[-1]
    for key, child in level.rest:
        level.key = key
        level.position += 1
        depth = len(levels)
        if isinstance(level.copy, list):
            level.copy.append(_enter_or_copy(child, levels))
        else:
            name = _copy_key(key)
            level.copy[name] = _enter_or_copy(child, levels)
        if len(levels) > depth:
            return True
    return False


def _enter_or_copy(value: object, levels: list[_Level]) -> JsonValue:
    """Return the copy of a scalar, or the still empty copy of an opened container."""
    if isinstance(value, str):
        return _copy_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _copy_integer(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _FaultError("is not a finite number")
        return float(value)
    if not isinstance(value, (dict, list, tuple)):
        raise _FaultError(f"is of type {type(value).__name__}")
    if len(levels) >= MAX_JSON_DEPTH:
        raise _FaultError(f"is nested deeper than {MAX_JSON_DEPTH} levels")
    if isinstance(value, dict):
        level = _Level(iter(value.items()), {})
    else:
        level = _Level(enumerate(value), [])
    levels.append(level)
    return level.copy


def _copy_key(key: object) -> str:
    if not isinstance(key, str):
        raise _FaultError(f"stands under a key of type {type(key).__name__}")
    return _copy_text(key)


def _copy_text(value: str) -> str:
    text = str.__str__(value)
    if "\0" in text:
        raise _FaultError("has a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _FaultError("has a lone surrogate") from None
    return text


def _copy_integer(value: int) -> int:
    if not -_INTEGER_LIMIT < value < _INTEGER_LIMIT:
        raise _FaultError("is a whole number of more than 1000 digits")
    return int(value)


def _path(levels: list[_Level]) -> str:
    """Return where the copying stopped, without showing what the keys may hide."""
    steps = ["$"]
    for level in levels:
        if isinstance(level.copy, list):
            steps.append(f"[{level.position}]")
        elif isinstance(level.key, str) and _PLAIN_KEY.fullmatch(level.key):
            steps.append(f".{level.key}")
        else:
            steps.append(f".(key {level.position + 1})")
    return _shorten("".join(steps))


def _shorten(path: str) -> str:
    """Cut the middle out of a path that no one would read."""
    return path if len(path) <= 200 else f"{path[:96]}...{path[-96:]}"  # noqa: PLR2004
