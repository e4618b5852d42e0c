"""Say where a payload does not fit its type, without repeating what it holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from cattrs import (
    AttributeValidationNote,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHOWN_FAULTS: Final = 10


def describe_misfits(error: BaseException, payload_type: type) -> str:
    """
    Return one sentence with the paths of all faults, such as ``$.items[3].count``.

    *error* is what cattrs raised. Values never appear, since failures are stored and
    shown to people whom the payload may not concern; of keys only plain ones do.
    """
    faults = list(_faults(error, "$", payload_type))
    shown = "; ".join(faults[:_SHOWN_FAULTS])
    rest = len(faults) - _SHOWN_FAULTS
    return f"{shown}; and {rest} more" if rest > 0 else shown


def _faults(error: BaseException, path: str, wanted: Any) -> Iterator[str]:
    if not isinstance(error, (ClassValidationError, IterableValidationError)):
        yield f"{path} {_sentence(error, wanted)}"
        return
    noted, bare = error.group_exceptions()
    for inner, note in noted:
        yield from _faults(inner, path + _step(note), note.type)
    for inner in bare:
        yield from _faults(inner, path, None)


def _step(note: AttributeValidationNote | IterableValidationNote) -> str:
    if isinstance(note, AttributeValidationNote):
        return f".{note.name}"
    key: Any = note.index  # of a list or of a mapping
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else ".(another key)"


def _sentence(error: BaseException, wanted: Any) -> str:
    match error:
        case ForbiddenExtraKeysError(extra_fields=extra_fields):
            return f"has {_extra(extra_fields)}"
        case KeyError():
            return "is missing"
        case _ if wanted is not None:
            return f"is not a value of {_type_name(wanted)}"
        case _:
            return "is refused by its class"


def _extra(keys: set[str]) -> str:
    plain = sorted(key for key in keys if _PLAIN_KEY.fullmatch(key))
    names = [*plain, *(["others"] if len(plain) < len(keys) else [])]
    return f"keys that do not belong there: {', '.join(names)}"


def _type_name(wanted: Any) -> str:
    return wanted.__name__ if isinstance(wanted, type) else str(wanted)
