"""JSON values as the text that the statements cast to jsonb."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runledger_core import JsonValue

# json.dumps makes an encoder for each call, which takes longer than a small payload.
json_text: Callable[[JsonValue | Mapping[str, str]], str] = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":")
).encode
"""The compact text of a checked value."""

_parse: Final = json.JSONDecoder().raw_decode


def parse_json(text: str) -> Any:
    """Return the value of a text that PostgreSQL made of a ``jsonb``."""
    # Such a text has no spaces around it: to look for them takes a third of the time.
    return _parse(text)[0]


def json_text_or_none(value: JsonValue | Mapping[str, str]) -> str | None:
    """Return the text, or None for None, which the ledger stores as SQL NULL."""
    return None if value is None else json_text(value)
