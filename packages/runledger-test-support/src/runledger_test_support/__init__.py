"""Ephemeral PostgreSQL databases and pytest fixtures for Runledger."""

from __future__ import annotations

from ._databases import EphemeralDatabase, create_ephemeral_database, drop_database
from ._embedded import EmbeddedServer, start_embedded_server
from ._env import ScopedEnv
from ._errors import TestSupportError
from ._pools import (
    AsyncPoolFactory,
    EphemeralAsyncPool,
    EphemeralPool,
    setup_ephemeral_async_pool,
    setup_ephemeral_pool,
    setup_unmigrated_ephemeral_pool,
    teardown_ephemeral_async_pool,
    teardown_ephemeral_pool,
)

__all__ = [
    "AsyncPoolFactory",
    "EmbeddedServer",
    "EphemeralAsyncPool",
    "EphemeralDatabase",
    "EphemeralPool",
    "ScopedEnv",
    "TestSupportError",
    "create_ephemeral_database",
    "drop_database",
    "setup_ephemeral_async_pool",
    "setup_ephemeral_pool",
    "setup_unmigrated_ephemeral_pool",
    "start_embedded_server",
    "teardown_ephemeral_async_pool",
    "teardown_ephemeral_pool",
]
