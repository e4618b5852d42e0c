"""
The parameters of our statements: named in the files, numbered on the wire.

psycopg would number them as well, but splits a text of more than 4,096 bytes anew at
each execution. A claim is one of those, and it took a fifth of its client's time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")


def parameter_names(sql: str) -> tuple[str, ...]:
    """Return the names in the order in which they first come."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(sql)))


def number_parameters(sql: str, names: Sequence[str]) -> str:
    """
    Turn each ``%(name)s`` into the number of its name, ``$1`` for the first.

    Any other percent sign is only that, and need not be doubled.
    """
    return _PLACEHOLDER.sub(lambda match: f"${names.index(match[1]) + 1}", sql)
