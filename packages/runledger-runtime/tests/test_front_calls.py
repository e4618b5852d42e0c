"""When claims and sleepers begin at the fronts of the queue, and when they do not."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import trio

from runledger_core import EVERYTHING, JobDefinition, JobEnqueue, JobStatus
from runledger_postgres import (
    announce_worker,
    count_jobs_by_status,
    enqueue_job,
    upsert_job_definition,
)
from runledger_runtime import JobRegistry, PostgresLedger, Stop, run_worker_loop
from runledger_runtime._postgres import _front_calls

pytestmark = pytest.mark.db

TYPES = ["mail.send"]
CLAIM = {
    "worker_id": "worker-1",
    "lease_seconds": 60,
    "limit": 10,
    "job_types": TYPES,
    "type_limits": {},
    "timeout_seconds": 10,
}
SURVEY = {"job_types": TYPES, "timeout_seconds": 10}
SLEEP = {
    "worker_id": "worker-1",
    "job_types": TYPES,
    "longest_seconds": 60.0,
    "timeout_seconds": 10,
}


@pytest.fixture
def ledger(runledger_pool):
    upsert_job_definition(runledger_pool, JobDefinition("mail.send"))
    return PostgresLedger(runledger_pool)


@pytest.fixture
def add_late(runledger_pool):
    """Enqueue a job as a transaction does that has been open for a minute."""

    def add_late():
        due_at = datetime.now(UTC) - timedelta(minutes=1)
        request = JobEnqueue("mail.send", next_run_at=due_at)
        return enqueue_job(runledger_pool, request).job_id

    return add_late


@pytest.fixture
def always_worth_while(monkeypatch):
    """Begin at the fronts however quick the survey was."""
    monkeypatch.setattr(_front_calls, "_WORTH_WHILE_SECONDS", 0.0)


async def test_a_quick_survey_changes_nothing(ledger, add_late):
    assert await ledger.survey(**SURVEY) == 2
    add_late()

    assert ledger.fronts is None
    assert len(await ledger.claim(**CLAIM)) == 1


@pytest.mark.usefixtures("always_worth_while")
async def test_after_a_slow_one_claims_and_sleepers_begin_at_the_fronts(
    ledger, add_late, runledger_pool
):
    announce_worker(
        runledger_pool, worker_id="worker-1", job_types=TYPES, ttl_seconds=60
    )
    await ledger.survey(**SURVEY)
    add_late()

    assert not await ledger.claim(**CLAIM)
    assert (await ledger.fall_asleep(**SLEEP)).seconds == 60
    await ledger.survey(**SURVEY)
    assert (await ledger.fall_asleep(**SLEEP)).seconds == 0
    assert len(await ledger.claim(**CLAIM)) == 1


@pytest.mark.usefixtures("always_worth_while")
async def test_fronts_that_nobody_renews_are_not_used_for_long(
    ledger, add_late, monkeypatch
):
    await ledger.survey(**SURVEY)
    add_late()
    now = time.monotonic()

    monkeypatch.setattr(time, "monotonic", lambda: now + 3)
    assert ledger.fronts is not None
    monkeypatch.setattr(time, "monotonic", lambda: now + 5)

    assert ledger.fronts is None
    assert len(await ledger.claim(**CLAIM)) == 1


async def test_what_takes_long_is_done_seldom(ledger, monkeypatch):
    monkeypatch.setattr(_front_calls, "_PAUSES_PER_SURVEY", 1_000_000)

    assert await ledger.survey(**SURVEY) > 20


@pytest.mark.usefixtures("always_worth_while")
async def test_a_worker_finds_all_jobs_while_a_snapshot_is_held(
    ledger, add_late, runledger_pool, runledger_database, make_config, monkeypatch
):
    """Those that came too late for its claims, it finds by the next survey."""
    monkeypatch.setattr(_front_calls, "_PAUSE_SECONDS", 0.5)
    held_back = psycopg.IsolationLevel.REPEATABLE_READ
    registry = JobRegistry()
    ran = []
    all_ran = trio.Event()

    async def note(context, payload):
        ran.append(context.job_id)
        await trio.sleep(0.05)
        if len(ran) == 80:
            all_ran.set()

    registry.register("mail.send", note)
    stop = Stop()
    expected = []
    with psycopg.connect(runledger_database) as host:
        host.isolation_level = held_back
        host.execute("SELECT count(*) FROM job_queue")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_worker_loop, ledger, registry, make_config(), stop)
            for _ in range(40):
                request = JobEnqueue("mail.send")
                expected.append(enqueue_job(runledger_pool, request).job_id)
                expected.append(add_late())
                await trio.sleep(0.1)
            assert ledger.fronts is not None
            with trio.fail_after(30):
                await all_ran.wait()
            stop.request()

    assert sorted(ran) == sorted(expected)
    counts = count_jobs_by_status(runledger_pool, scope=EVERYTHING)
    assert counts[JobStatus.SUCCEEDED].count == len(expected)
