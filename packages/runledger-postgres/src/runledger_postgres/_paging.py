"""How long a page may be."""

from __future__ import annotations

from typing import Final

from .errors import QueryError

MAX_PAGE_LIMIT: Final = 1000


def check_page_limit(limit: int) -> int:
    """
    Return the limit of a page if it is from 1 to 1000.

    Raises:
        QueryError: ``job.invalid_pagination``.
    """
    if not 1 <= limit <= MAX_PAGE_LIMIT:
        raise QueryError("job.invalid_pagination")
    return limit
