"""Lists of plain values as the text that the statements cast to arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def array_text(values: Iterable[object]) -> str:
    """
    Return the array of values whose text needs no quotes, with NULL for None.

    These are numbers, booleans, UUIDs and the labels of enums. psycopg dumps a list
    item by item, which for the edges of a large workflow took longer than the server
    needed to insert them.
    """
    texts = ("NULL" if value is None else str(value) for value in values)
    return f"{{{','.join(texts)}}}"
