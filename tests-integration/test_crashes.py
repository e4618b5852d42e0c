"""Workers that die, and connections that break where it hurts most."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from runledger_core import EVERYTHING, JobStatus
from runledger_postgres import (
    audit_ledger,
    enqueue_jobs,
    get_job_by_id,
    list_job_attempts,
)
from runledger_runtime import ExitCode, JobCatalog
from runledger_test_support import drain

pytestmark = pytest.mark.db

HOLDING_WORKER = str(Path(__file__).with_name("holding_worker.py"))
PATIENCE_SECONDS = 60

LEASE_SECONDS = 10  # the shortest that the environment can ask for
REAPER_INTERVAL_SECONDS = 1
RETRY_DELAY_SECONDS = 1  # also what the worker program's retry policy says
# What the reaper's interval is spread by, and two claims and two hundred jobs to run.
SLACK_SECONDS = 4
QUICK = {
    "JOBS_LEASE_TTL_SECONDS": str(LEASE_SECONDS),
    "JOBS_REAPER_INTERVAL_SECONDS": str(REAPER_INTERVAL_SECONDS),
    "JOBS_REAPER_RETRY_DELAY_MS": str(RETRY_DELAY_SECONDS * 1000),
    "JOBS_POLL_INTERVAL_MS": "50",
    "JOBS_IDLE_POLL_MAX_MS": "200",
}


@pytest.fixture
def ran():
    """How often each job was run, by the workers of this process."""
    return Counter()


@pytest.fixture
def catalog(ran):
    catalog = JobCatalog()

    @catalog.job("hold")
    async def hold(context, payload):
        ran[context.job_id] += 1

    @catalog.job("block")
    def block(context, payload):
        ran[context.job_id] += 1

    return catalog


@pytest.fixture
def enqueue(catalog, runledger_pool):
    def enqueue(count, job_type="hold"):
        catalog.sync_definitions(runledger_pool)
        requests = [catalog.job_enqueue(job_type) for _ in range(count)]
        return {each.job_id for each in enqueue_jobs(runledger_pool, requests)}

    return enqueue


@pytest.fixture
def statuses(runledger_pool):
    """How many of these jobs are in which status."""
    return lambda job_ids: Counter(
        get_job_by_id(runledger_pool, job_id, scope=EVERYTHING).status
        for job_id in job_ids
    )


@pytest.fixture
def attempt_counts(runledger_pool):
    return lambda job_ids: Counter(
        len(list_job_attempts(runledger_pool, job_id, scope=EVERYTHING))
        for job_id in job_ids
    )


def read_running(worker, count):
    """Read what the worker says until it has run *count* jobs; return their ids."""
    timer = threading.Timer(PATIENCE_SECONDS, worker.process.kill)
    timer.start()
    job_ids = []
    printed = []
    try:
        while len(job_ids) < count:
            line = worker.process.stdout.readline()
            assert line, f"the worker ended too early: {printed}"
            printed.append(line)
            word, _, rest = line.strip().partition(" ")
            if word == "running":
                job_ids.append(UUID(rest))
    finally:
        timer.cancel()
    return job_ids


@pytest.mark.slow
def test_a_killed_workers_jobs_are_done_by_another(
    runledger_worker,
    enqueue,
    statuses,
    attempt_counts,
    runledger_pool,
    record_testsuite_property,
):
    job_ids = enqueue(200)
    full = {"JOBS_MAX_GLOBAL_CONCURRENCY": "200", "JOBS_CLAIM_BATCH_SIZE": "200"}
    doomed = runledger_worker(HOLDING_WORKER, HOLDS_JOBS="1", **QUICK, **full)
    assert job_ids == set(read_running(doomed, 200))
    other = runledger_worker(HOLDING_WORKER, **QUICK, **full)

    killed_at = time.monotonic()
    doomed.kill()
    rerun = read_running(other, 200)
    recovery_seconds = time.monotonic() - killed_at

    assert ExitCode.OK == other.stop()
    assert "running" not in other.output()
    assert job_ids == set(rerun)
    assert {JobStatus.SUCCEEDED: 200} == statuses(job_ids)
    assert {2: 200} == attempt_counts(job_ids)
    assert [] == audit_ledger(runledger_pool)
    record_testsuite_property("recovery_seconds", f"{recovery_seconds:.2f}")
    print(f"recovered after {recovery_seconds:.2f} s")  # noqa: T201 - pytest -rP shows it
    assert recovery_seconds < (
        LEASE_SECONDS + REAPER_INTERVAL_SECONDS + RETRY_DELAY_SECONDS + SLACK_SECONDS
    )


@pytest.mark.slow
@pytest.mark.parametrize("grace", ["0", "1"])
@pytest.mark.parametrize("job_type", ["hold", "block"])
def test_jobs_that_outlast_a_shutdown_return_with_their_leases(
    job_type,
    grace,
    runledger_worker,
    enqueue,
    statuses,
    attempt_counts,
    runledger_pool,
    runledger_clock,
    catalog,
    ran,
):
    job_ids = enqueue(8, job_type)
    worker = runledger_worker(
        HOLDING_WORKER,
        HOLDS_JOBS="1",
        JOBS_SHUTDOWN_GRACE_SECONDS=grace,
        JOBS_CANCEL_GRACE_SECONDS="1",
        **QUICK,
    )
    assert job_ids == set(read_running(worker, 8))

    assert ExitCode.INTERRUPTED == worker.stop()

    assert {JobStatus.LEASED: 8} == statuses(job_ids)
    assert [] == drain(runledger_pool, catalog).succeeded
    assert [] == audit_ledger(runledger_pool)
    runledger_clock.advance(seconds=LEASE_SECONDS + 1)
    drain(runledger_pool, catalog)  # its reaper takes them back, with a delay
    runledger_clock.advance(minutes=2)
    assert job_ids == set(drain(runledger_pool, catalog).succeeded)
    assert dict.fromkeys(job_ids, 1) == ran
    assert {2: 8} == attempt_counts(job_ids)
    assert [] == audit_ledger(runledger_pool)
