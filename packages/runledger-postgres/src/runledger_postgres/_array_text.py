"""
Lists as the text that the statements cast to arrays.

psycopg dumps a list item by item, after it has looked for one type that fits them all.
For a batch of completions that took as long as the server needed to lock them, for the
edges of a large workflow longer than to insert them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

NO_VALUES: Final = "{}"
"""A column in which no row has a value: ``unnest`` fills it up with NULL."""


def array_text(values: Iterable[object]) -> str:
    """
    Return the array of values whose text needs no quotes, with NULL for None.

    These are numbers, booleans, UUIDs and the labels of enums.
    """
    texts = ("NULL" if value is None else str(value) for value in values)
    return f"{{{','.join(texts)}}}"


def uuid_array(values: Iterable[UUID]) -> str:
    """Return the array of UUIDs, none of which is missing."""
    return f"{{{','.join([value.hex for value in values])}}}"


def plain_column(values: Sequence[Any]) -> str:
    """Return one column of many rows, of values that need no quotes."""
    return NO_VALUES if _is_empty(values) else array_text(values)


def text_column(values: Sequence[str | None]) -> str:
    """Return one column of many rows, of any text."""
    return NO_VALUES if _is_empty(values) else _quoted(values)


def _is_empty(values: Sequence[Any]) -> bool:
    return values.count(None) == len(values)


def _quoted(values: Sequence[str | None]) -> str:
    # Most columns repeat a few texts: one worker, one job type, one payload.
    known: dict[str | None, str] = {None: "NULL"}
    items = []
    for value in values:
        item = known.get(value)
        if item is None:
            escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
            item = known[value] = f'"{escaped}"'
        items.append(item)
    return f"{{{','.join(items)}}}"
