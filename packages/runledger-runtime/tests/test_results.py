"""Handles for results in trio."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import pytest
import trio

from runledger_core import (
    EVERYTHING,
    JobCompletion,
    JobDefinition,
    JobEnqueue,
    JobStatus,
    WorkflowRunStatus,
)
from runledger_postgres import (
    DatabaseConnectionError,
    ResultTimeoutError,
    ResultUnsuccessfulError,
    cancel_job,
    claim_jobs,
    complete_job_success,
    enqueue_job,
    upsert_job_definition,
)
from runledger_postgres.results import _wait
from runledger_runtime import TrioJobHandle, TrioWorkflowRunHandle

pytestmark = pytest.mark.db

DONE = JobCompletion(output={"sent": 3})
CLAIM = {"worker_id": "w", "lease_seconds": 60, "limit": 1}
LISTENERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'runledger results'"
)


@pytest.fixture
def handle(runledger_pool):
    """A handle for a job that is due."""
    upsert_job_definition(runledger_pool, JobDefinition("mail.send"))
    job_id = enqueue_job(runledger_pool, JobEnqueue("mail.send")).job_id
    return TrioJobHandle(runledger_pool, job_id, scope=EVERYTHING)


@pytest.fixture
def told_or_never(monkeypatch):
    """Let no poll come before a test's patience ends."""
    monkeypatch.setattr(_wait, "FIRST_GAP_SECONDS", 600)
    return {"timeout": 20, "poll_interval": 600}


async def ask(pool, query):
    def ask():
        with pool.connection() as connection:
            return connection.execute(query).fetchone()[0]

    return await trio.to_thread.run_sync(ask)


async def until_waiting(pool):
    """Wait until somebody is registered and a connection listens."""
    registered = "SELECT count(*) FROM result_waiters"
    with trio.fail_after(20):
        while not (await ask(pool, registered) and await ask(pool, LISTENERS)):
            pass


async def complete(pool):
    def complete():
        [job] = claim_jobs(pool, **CLAIM)
        complete_job_success(pool, job.lease, DONE)

    await trio.to_thread.run_sync(complete)


async def test_a_job_that_ends_while_tasks_wait_wakes_them_all(handle, told_or_never):
    results = []

    async def wait():
        results.append(await handle.get_result(**told_or_never))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(wait)
        await until_waiting(handle.pool)
        assert 1 == await ask(handle.pool, LISTENERS)
        await complete(handle.pool)

    assert [DONE.output] * 20 == results


async def test_a_job_that_has_ended_is_found_at_once(handle):
    await complete(handle.pool)

    assert DONE.output == await handle.get_result(timeout=0)
    assert JobStatus.SUCCEEDED is await handle.get_status()
    assert DONE.output == (await handle.get_job()).output


async def test_without_notifications_it_is_found_by_looking(handle):
    polling = TrioJobHandle(handle.pool, handle.job_id, scope=EVERYTHING, listens=False)
    results = []

    async def wait():
        results.append(await polling.get_result(timeout=20, poll_interval=0.05))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await complete(handle.pool)

    assert [DONE.output] == results
    assert 0 == await ask(handle.pool, "SELECT count(*) FROM result_waiters")


async def test_it_says_how_a_job_ended(handle):
    await trio.to_thread.run_sync(
        partial(cancel_job, handle.pool, handle.job_id, scope=EVERYTHING)
    )

    with pytest.raises(ResultUnsuccessfulError) as caught:
        await handle.get_result()

    assert JobStatus.CANCELED is caught.value.status


async def test_it_waits_no_longer_than_it_may(handle):
    with pytest.raises(ResultTimeoutError):
        await handle.get_result(timeout=0.1)


async def test_a_wait_can_be_cancelled(handle, told_or_never):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(handle.get_result, **told_or_never))
        await until_waiting(handle.pool)
        nursery.cancel_scope.cancel()

    assert JobStatus.PENDING is await handle.get_status()


async def test_a_pool_without_a_connection_is_an_error_with_a_code(handle):
    handle.pool.close()

    with pytest.raises(DatabaseConnectionError):
        await handle.get_result()


@pytest.mark.unaudited("the run is written by hand")
async def test_a_run_has_a_handle_too(runledger_pool, raises_code):
    with runledger_pool.connection() as connection:
        [run_id] = connection.execute(
            "INSERT INTO workflow_runs (workflow_type) VALUES ('w') RETURNING id"
        ).fetchone()
    run = TrioWorkflowRunHandle(runledger_pool, run_id, scope=EVERYTHING)
    missing = TrioWorkflowRunHandle(runledger_pool, uuid4(), scope=EVERYTHING)

    assert WorkflowRunStatus.RUNNING is await run.get_status()
    assert run_id == (await run.get_run()).id
    with raises_code("workflow.result_not_declared"):
        await run.get_result()
    with raises_code("workflow.run_not_found"):
        await missing.get_result()
