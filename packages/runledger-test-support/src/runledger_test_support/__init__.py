"""Ephemeral PostgreSQL databases and pytest fixtures for Runledger."""

from __future__ import annotations

from ._budget import Reservation, acquire_test_db_connection_budget
from ._clock import DatabaseClock, install_clock
from ._databases import EphemeralDatabase, create_ephemeral_database, drop_database
from ._drain import DrainReport, drain
from ._embedded import EmbeddedServer, start_embedded_server
from ._enqueued import EnqueuedJob, assert_enqueued, assert_nothing_enqueued
from ._env import ScopedEnv
from ._errors import TestSupportError
from ._pools import (
    AsyncPoolFactory,
    EphemeralAsyncPool,
    EphemeralPool,
    setup_ephemeral_async_pool,
    setup_ephemeral_pool,
    setup_ephemeral_pool_with_untracked_migrations,
    setup_unmigrated_ephemeral_pool,
    teardown_ephemeral_async_pool,
    teardown_ephemeral_pool,
)
from ._worker_process import WorkerProcess

__all__ = [
    "AsyncPoolFactory",
    "DatabaseClock",
    "DrainReport",
    "EmbeddedServer",
    "EnqueuedJob",
    "EphemeralAsyncPool",
    "EphemeralDatabase",
    "EphemeralPool",
    "Reservation",
    "ScopedEnv",
    "TestSupportError",
    "WorkerProcess",
    "acquire_test_db_connection_budget",
    "assert_enqueued",
    "assert_nothing_enqueued",
    "create_ephemeral_database",
    "drain",
    "drop_database",
    "install_clock",
    "setup_ephemeral_async_pool",
    "setup_ephemeral_pool",
    "setup_ephemeral_pool_with_untracked_migrations",
    "setup_unmigrated_ephemeral_pool",
    "start_embedded_server",
    "teardown_ephemeral_async_pool",
    "teardown_ephemeral_pool",
]
