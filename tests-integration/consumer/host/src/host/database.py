"""Where the shop's database is."""

from __future__ import annotations

import os
from typing import Any

from psycopg_pool import ConnectionPool


def closed_pool() -> ConnectionPool[Any]:
    """Return a pool for the worker, who opens it."""
    url = os.environ["DATABASE_URL"]
    return ConnectionPool(url, min_size=1, max_size=5, open=False)


def open_pool() -> ConnectionPool[Any]:
    """Return a pool for one command."""
    pool = closed_pool()
    pool.open(wait=True)
    return pool
