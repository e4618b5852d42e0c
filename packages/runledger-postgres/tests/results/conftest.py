"""Waiters in threads of their own, and what a test sees of them."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from runledger_core import (
    EVERYTHING,
)
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    complete_external_workflow_step,
    enqueue_workflow_run,
    job_handle,
)
from runledger_postgres.results import _wait

LISTENERS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'runledger results'
"""


def blocking_wait(dsn, open_handle, target_id, *, scope, listens, **values):
    with ConnectionPool(dsn, min_size=1, max_size=2, open=True) as pool:
        handle = open_handle(pool, target_id, scope=scope, listens=listens)
        return handle.get_result(**values)


def asyncio_wait(dsn, open_handle, target_id, *, scope, listens, **values):
    async def main():
        async with AsyncConnectionPool(dsn, min_size=1, max_size=2, open=False) as pool:
            handle = open_handle(pool, target_id, scope=scope, listens=listens)
            return await handle.get_result(**values)

    return asyncio.run(main())


FORMS = {"blocking": blocking_wait, "asyncio": asyncio_wait}


@pytest.fixture
def form():
    return "blocking"


@pytest.fixture
def wait(form, runledger_database):
    """Wait for a result, in a thread of its own."""
    with ThreadPoolExecutor(4) as threads:

        def wait(
            target_id,
            open_handle=job_handle,
            *,
            scope=EVERYTHING,
            listens=True,
            dsn=runledger_database,
            timeout=20,
            **values,
        ):
            return threads.submit(
                FORMS[form],
                dsn,
                open_handle,
                target_id,
                scope=scope,
                listens=listens,
                timeout=timeout,
                **values,
            )

        yield wait


@pytest.fixture
def until(runledger_database):
    """Ask another connection until it says yes."""
    with psycopg.connect(runledger_database, autocommit=True) as observer:

        def until(query, *params):
            deadline = time.monotonic() + 20
            while not (row := observer.execute(query, params).fetchone()):
                assert time.monotonic() < deadline, query
            return row

        yield until


@pytest.fixture
def listeners():
    """The query for connections that listen."""
    return LISTENERS


@pytest.fixture
def until_waiting(until):
    """Wait until a target is waited for, and a connection listens for it."""

    def until_waiting(target_id):
        until("SELECT 1 FROM result_waiters WHERE target_id = %s", target_id)
        return until(LISTENERS)[0]

    return until_waiting


@pytest.fixture
def told_or_never(monkeypatch):
    """Let no poll come before a test's patience ends."""
    monkeypatch.setattr(_wait, "FIRST_GAP_SECONDS", 600)
    return {"poll_interval": 600}


@pytest.fixture
def gate_run(connection):
    """A run that is over as soon as somebody completes its gate."""

    def gate_run(*, result_step="gate"):
        dag = WorkflowDagBuilder("w").external("gate").result_step(result_step)
        return enqueue_workflow_run(connection, dag.build()).run.id

    return gate_run


@pytest.fixture
def complete_gate(connection):
    def complete_gate(run_id, outcome):
        complete_external_workflow_step(
            connection, run_id, "gate", outcome, scope=EVERYTHING
        )

    return complete_gate
