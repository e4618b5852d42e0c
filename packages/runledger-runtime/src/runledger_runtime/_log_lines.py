"""Make whatever a handler logs into something that can be stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runledger_core import MAX_TEXT_BYTES, ValidationError, check_identifier, check_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runledger_core import JsonValue

_CODE: Final = "job.invalid_log"
_EMPTY: Final = "(empty)"
_CUT: Final = " ..."
_OTHER_LEVEL: Final = "info"


def storable_level(level: object) -> str:
    """Return the level, or ``info`` for what cannot be one."""
    try:
        return check_identifier(level, "level")
    except ValidationError:
        return _OTHER_LEVEL


def storable_message(message: object) -> str:
    """Return the text, without what PostgreSQL cannot hold, and not endless."""
    text = _shown(message).replace("\0", "\N{REPLACEMENT CHARACTER}")
    stored = text.encode(errors="replace")
    if len(stored) > MAX_TEXT_BYTES:
        kept = stored[: MAX_TEXT_BYTES - len(_CUT)]
        return kept.decode(errors="ignore") + _CUT
    return stored.decode() if text.strip() else _EMPTY


def storable_fields(fields: Mapping[str, object]) -> dict[str, JsonValue]:
    """Return the fields; what is no JSON becomes its text, as in any log."""
    return {
        storable_message(name): _storable_value(value) for name, value in fields.items()
    }


def _storable_value(value: object) -> JsonValue:
    try:
        return check_json(value, _CODE)
    except ValidationError:
        return storable_message(value)


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a handler's class may do anything
        return f"a {type(value).__name__} that cannot be shown"
