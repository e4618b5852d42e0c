"""The pytest plugin ``runledger``: fixtures and the server's life in a session."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from ._budget import process_budget
from ._clock import DatabaseClock, install_clock
from ._databases import (
    DEFAULT_MAX_CONNECTIONS,
    EphemeralDatabase,
    create_ephemeral_database,
    drop_database,
    drop_remaining_databases,
)
from ._env import ScopedEnv
from ._errors import TestSupportError
from ._pools import AsyncPool, AsyncPoolFactory, BlockingPool, async_pool, blocking_pool
from ._process_server import stop_server, take_server_from, use_server
from ._server import plan_server
from ._settings import read_settings
from ._sharing import ServerDesk, ask_for_server
from ._worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

DESK: Final = pytest.StashKey[ServerDesk]()
DESK_ADDRESS: Final = "runledger_server_desk"

# Sessions inside sessions happen: a plugin's own tests run pytest in their process.
_open_sessions = 0


def pytest_configure(config: pytest.Config) -> None:
    """Refuse settings that do not parse, once, before any test."""
    try:
        read_settings()
    except TestSupportError as error:
        raise pytest.UsageError(str(error)) from None
    worker_input = getattr(config, "workerinput", {})
    if DESK_ADDRESS in worker_input:
        take_server_from(partial(ask_for_server, worker_input[DESK_ADDRESS]))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where to ask for the server."""
    stash = node.config.stash
    if DESK not in stash:
        stash[DESK] = ServerDesk()
    node.workerinput[DESK_ADDRESS] = stash[DESK].address


def pytest_report_header() -> str:
    """Say which server the tests will use if they ask for one."""
    try:
        return f"runledger: PostgreSQL from {plan_server(read_settings()).describe()}"
    except TestSupportError as error:
        return f"runledger: {error}"


def pytest_sessionstart() -> None:
    """Count the session; the server starts with the first fixture that needs it."""
    global _open_sessions  # noqa: PLW0603  hooks of a module have nowhere else
    _open_sessions += 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Drop what is left and stop the server, also after Ctrl-C; workers went first."""
    global _open_sessions  # noqa: PLW0603
    _open_sessions -= 1
    if DESK in session.config.stash:
        session.config.stash[DESK].close()
    if _open_sessions == 0:
        drop_remaining_databases()
        stop_server()


@pytest.fixture(scope="session")
def runledger_admin_dsn() -> str:
    """URL of the test server, as a role that may create databases."""
    try:
        return use_server().admin_dsn
    except TestSupportError as error:
        raise _failure(error) from None


@pytest.fixture
def runledger_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a fresh database with the Runledger schema, dropped after the test."""
    database = _create(request, migrated=True)
    # Before anybody connects: a connection keeps the search path that it began with.
    if "runledger_clock" in request.fixturenames:
        install_clock(database.dsn)
    yield database.dsn
    drop_database(database)


@pytest.fixture
def runledger_empty_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a fresh database without any schema, dropped after the test."""
    database = _create(request, migrated=False)
    yield database.dsn
    drop_database(database)


@pytest.fixture
def runledger_pool(runledger_database: str) -> Iterator[BlockingPool]:
    """Open a pool of at most 8 connections on ``runledger_database``."""
    pool = blocking_pool(runledger_database, max_connections=DEFAULT_MAX_CONNECTIONS)
    with pool:
        yield pool


@pytest.fixture
def runledger_async_pool(runledger_database: str) -> AsyncPoolFactory:
    """
    Make asyncio pools on ``runledger_database``.

    A pool belongs to the event loop that opens it, and which plugin runs
    a test's loop, if any, is not ours to know. So this is a function, to be used inside
    the loop as ``async with runledger_async_pool(max_connections=4) as pool``.
    """

    @asynccontextmanager
    async def open_pool(
        *, max_connections: int = DEFAULT_MAX_CONNECTIONS
    ) -> AsyncIterator[AsyncPool]:
        reservation = process_budget().reserve(max_connections + 1)
        try:
            async with async_pool(
                runledger_database, max_connections=max_connections
            ) as pool:
                yield pool
        finally:
            reservation.release()

    return open_pool


@pytest.fixture
def runledger_clock(runledger_database: str) -> DatabaseClock:
    """Move the time of ``runledger_database``: ``runledger_clock.advance(hours=2)``."""
    return install_clock(runledger_database)


@pytest.fixture
def runledger_worker(
    runledger_database: str,
) -> Iterator[Callable[..., WorkerProcess]]:
    """
    Start worker programs on ``runledger_database``; the test's end kills the rest.

    ``worker = runledger_worker("worker.py", JOBS_LEASE_TTL_SECONDS="10")`` returns a
    `WorkerProcess` once the worker has announced itself.
    """
    workers: list[WorkerProcess] = []

    def start(*arguments: str, **env: str) -> WorkerProcess:
        worker_id = env.pop("JOBS_WORKER_ID", f"test-worker-{len(workers) + 1}")
        worker = WorkerProcess(
            runledger_database, arguments, worker_id=worker_id, env=env
        )
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.close()


@pytest.fixture
def runledger_env() -> Iterator[ScopedEnv]:
    """Change environment variables until the test ends: ``runledger_env.set(...)``."""
    with ScopedEnv() as env:
        yield env


def _create(request: pytest.FixtureRequest, *, migrated: bool) -> EphemeralDatabase:
    try:
        return create_ephemeral_database(request.node.name, migrated=migrated)
    except TestSupportError as error:
        raise _failure(error) from None


def _failure(error: TestSupportError) -> BaseException:
    """Make a test error that shows the sentence; our own frames would hide it."""
    return pytest.fail.Exception(str(error), pytrace=False)
