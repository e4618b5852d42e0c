"""What test support offers to hosts, over the layers that they test."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from runledger_core import EVERYTHING, JobFailure, JobStatus, RetryPolicy
from runledger_postgres import audit_ledger, claim_jobs, enqueue_job, get_job_by_id
from runledger_runtime import JobCatalog
from runledger_test_support import TestSupportError, assert_nothing_enqueued, drain

pytestmark = pytest.mark.db
NAPPING_WORKER = str(Path(__file__).with_name("napping_worker.py"))


@pytest.fixture
def catalog():
    catalog = JobCatalog()

    @catalog.job("parent")
    async def parent(context, payload):
        return "done"

    @catalog.job("child", retry=RetryPolicy(base_seconds=3600), max_attempts=2)
    def child(context, payload):
        raise JobFailure.retryable("no.luck", "not today")

    @catalog.job("nap")
    async def nap(context, payload):
        await trio.sleep(payload["seconds"])

    return catalog


@pytest.fixture
def enqueue(catalog, runledger_pool):
    def enqueue(job_type, payload=None, **values):
        catalog.sync_definitions(runledger_pool)
        request = catalog.job_enqueue(job_type, payload, **values)
        return enqueue_job(runledger_pool, request).job_id

    return enqueue


def test_drain_runs_what_is_due(catalog, enqueue, runledger_pool):
    job_ids = [enqueue("parent") for _ in range(3)]

    report = drain(runledger_pool, catalog)

    assert (job_ids, [], []) == (
        report.succeeded,
        report.dead_lettered,
        report.canceled,
    )
    assert_nothing_enqueued(runledger_pool)


def test_drain_works_inside_asyncio_and_trio(catalog, enqueue, runledger_pool):
    first = enqueue("parent")

    async def in_asyncio():
        return drain(runledger_pool, catalog).succeeded

    assert [first] == asyncio.run(in_asyncio())
    second = enqueue("parent")

    async def in_trio():
        return drain(runledger_pool, catalog).succeeded

    assert [second] == trio.run(in_trio)


def test_time_travel_brings_the_retry(
    runledger_clock, catalog, enqueue, runledger_pool
):
    job_id = enqueue("child")

    assert [] == drain(runledger_pool, catalog).dead_lettered
    runledger_clock.advance(hours=3)

    assert [job_id] == drain(runledger_pool, catalog).dead_lettered
    assert [] == audit_ledger(runledger_pool)


def test_time_travel_ends_a_lease(runledger_clock, catalog, enqueue, runledger_pool):
    job_id = enqueue("parent")
    claim_jobs(runledger_pool, worker_id="gone", lease_seconds=60, limit=1)
    runledger_clock.advance(minutes=2)
    drain(runledger_pool, catalog)
    runledger_clock.advance(minutes=2)

    assert [job_id] == drain(runledger_pool, catalog).succeeded
    assert [] == audit_ledger(runledger_pool)


def test_a_drain_that_takes_too_long_ends(catalog, enqueue, runledger_pool):
    enqueue("nap", {"seconds": 1000})

    with pytest.raises(TestSupportError) as caught:
        drain(runledger_pool, catalog, timeout_seconds=0.5)

    assert "test_support.drain_failed" == caught.value.code


def test_a_drain_that_cannot_start_says_why(runledger_pool):
    with pytest.raises(TestSupportError, match=r"runtime\.missing_catalog"):
        drain(runledger_pool)


def test_a_killed_workers_job_is_done_by_another(
    runledger_worker, enqueue, runledger_pool
):
    job_id = enqueue("nap", {"seconds": 1000})
    settings = {"JOBS_LEASE_TTL_SECONDS": "10", "JOBS_POLL_INTERVAL_MS": "20"}
    worker = runledger_worker(NAPPING_WORKER, **settings)
    assert "napping" == worker.process.stdout.readline().strip()

    worker.kill()

    job = get_job_by_id(runledger_pool, job_id, scope=EVERYTHING)
    assert (JobStatus.LEASED, worker.worker_id) == (job.status, job.worker_id)


def test_a_worker_stops_when_it_is_asked(runledger_worker):
    assert 0 == runledger_worker(NAPPING_WORKER).stop()


def test_a_worker_that_does_not_start_shows_what_it_printed(runledger_worker):
    with pytest.raises(TestSupportError, match="no such luck"):
        runledger_worker(sys.executable, "-c", "raise SystemExit('no such luck')")


def test_the_guides_tests_pass(tmp_path):
    guide = Path(__file__).parent.parent / "docs" / "guides" / "testing.md"
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)
    tests = tmp_path / "test_guide.py"
    tests.write_text("\n\n".join(blocks), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    ran = subprocess.run(
        [*command, str(tests)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert "6 passed" in ran.stdout
