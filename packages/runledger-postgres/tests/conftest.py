"""One body per behaviour, run over every way to reach the database."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import trio
from psycopg.rows import dict_row, tuple_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from runledger_core import JobDefinition, JobEnqueue, RunledgerError
from runledger_postgres import (
    audit_ledger,
    claim_jobs,
    enqueue_job,
    upsert_job_definition,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class BlockingRunner:
    """Operations over a blocking pool."""

    def __init__(self, dsn: str) -> None:
        self.pool = ConnectionPool(dsn, min_size=1, max_size=4, open=True)

    def __call__(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        return operation(self.pool, *args, **kwargs)

    def close(self) -> None:
        self.pool.close()


class TrioThreadRunner(BlockingRunner):
    """Operations as the runtime calls them: a thread of a trio program."""

    def __call__(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        async def main() -> Any:
            return await trio.to_thread.run_sync(
                lambda: operation(self.pool, *args, **kwargs)
            )

        return trio.run(main)


class AsyncioRunner:
    """Operations over an asyncio pool, one event loop for the test."""

    def __init__(self, dsn: str) -> None:
        self._runner = asyncio.Runner()
        self._runner.run(self._open(dsn))

    async def _open(self, dsn: str) -> None:
        self.pool = AsyncConnectionPool(dsn, min_size=1, max_size=4, open=False)
        await self.pool.open()

    def __call__(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        return self._runner.run(operation(self.pool, *args, **kwargs))

    def close(self) -> None:
        self._runner.run(self.pool.close())
        self._runner.close()


RUNNERS = {
    "blocking": BlockingRunner,
    "asyncio": AsyncioRunner,
    "trio-thread": TrioThreadRunner,
}


@pytest.fixture(autouse=True)
def audited(request: pytest.FixtureRequest) -> Iterator[None]:
    """
    Audit the test's database, when it has one, after everything else is closed.

    A test that breaks the ledger on purpose says so by the marker ``unaudited``.
    """
    if "runledger_database" not in request.fixturenames:
        yield
        return
    # Asked for before the test's other fixtures, it is there until they are gone.
    dsn = request.getfixturevalue("runledger_database")
    yield
    if request.node.get_closest_marker("unaudited") is None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            broken = audit_ledger(connection)
        assert not broken, "\n".join(str(invariant) for invariant in broken)


@pytest.fixture(params=RUNNERS)
def run(request: pytest.FixtureRequest, runledger_database: str) -> Iterator[Any]:
    """Run an operation on a fresh database, over each driver in turn."""
    runner = RUNNERS[request.param](runledger_database)
    yield runner
    runner.close()


@pytest.fixture
def connection(runledger_database: str) -> Iterator[psycopg.Connection[Any]]:
    """A blocking autocommit connection of the host's own."""
    with psycopg.connect(runledger_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def define(connection: psycopg.Connection[Any]) -> Any:
    """Define a job type."""

    def define(job_type: str = "mail.send", **values: Any) -> None:
        upsert_job_definition(connection, JobDefinition(job_type, **values))

    return define


@pytest.fixture
def enqueue(connection: psycopg.Connection[Any], define: Any) -> Any:
    """Enqueue a job of a type that is defined."""
    define()

    def enqueue(job_type: str = "mail.send", payload: Any = None, **values: Any) -> Any:
        request = JobEnqueue(job_type, {} if payload is None else payload, **values)
        return enqueue_job(connection, request).job_id

    return enqueue


@pytest.fixture
def claim(connection: psycopg.Connection[Any]) -> Any:
    """Claim one job."""

    def claim(**values: Any) -> Any:
        wanted = {"worker_id": "w1", "lease_seconds": 60, "limit": 1, **values}
        return claim_jobs(connection, **wanted)[0]

    return claim


@pytest.fixture
def raises_code() -> Any:
    """Expect an error with this code, whatever its sentence says."""

    @contextmanager
    def raises_code(code: str) -> Iterator[Any]:
        with pytest.raises(RunledgerError) as caught:
            yield caught
        assert caught.value.code == code, caught.value.internal_message()

    return raises_code


WAITING = """
    SELECT pid FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND starts_with(query, %s)
"""


class Race:
    """One side that has acted and not committed, and one that waits for it."""

    def __init__(self, dsn: str, stack: ExitStack) -> None:
        self._threads = stack.enter_context(ThreadPoolExecutor(1))
        self.waiter = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        self._observer = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        # Entered last and so left first: whoever waits for it must go on.
        self.holder = stack.enter_context(psycopg.connect(dsn, row_factory=dict_row))

    def hold(self, steps: Any) -> Any:
        """Run an operation's statements in a transaction that stays open."""
        step = next(steps)
        while True:
            answers = [self._answer(call) for call in getattr(step, "calls", [step])]
            try:
                step = steps.send(answers if hasattr(step, "calls") else answers[0])
            except StopIteration as stop:
                return stop.value

    def _answer(self, call: Any) -> Any:
        factory: Any = tuple_row if call.as_tuples else dict_row
        with psycopg.RawCursor(self.holder, row_factory=factory) as cursor:
            cursor.execute(call.statement.query, call.arguments)
            return cursor.fetchall() if cursor.description else []

    def start(
        self, operation: Any, *arguments: Any, at: str, **values: Any
    ) -> Future[Any]:
        """Run an operation until it waits in the statement *at*."""
        running = self._threads.submit(operation, self.waiter, *arguments, **values)
        deadline = time.monotonic() + 20
        while not self._observer.execute(WAITING, [f"/* runledger:{at}"]).fetchone():
            assert not running.done(), f"it did not wait: {running.result()}"
            assert time.monotonic() < deadline, f"nothing waits in {at}"
        return running

    def commit(self) -> None:
        """Let the waiting side go on."""
        self.holder.commit()


@pytest.fixture
def race(runledger_database: str) -> Iterator[Race]:
    """Two sides that meet at a lock, each on a connection of its own."""
    with ExitStack() as stack:
        yield Race(runledger_database, stack)
