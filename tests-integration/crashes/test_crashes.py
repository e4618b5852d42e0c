"""Workers that are killed, and jobs that outlast a shutdown."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from uuid import UUID

import pytest

from runledger_core import JobStatus
from runledger_postgres import (
    audit_ledger,
)
from runledger_runtime import (
    ExitCode,
)
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
    # The first may end before its reaper has taken them back.
    done = drain(runledger_pool, catalog).succeeded
    done += drain(runledger_pool, catalog).succeeded
    assert job_ids == set(done)
    assert dict.fromkeys(job_ids, 1) == ran
    assert {2: 8} == attempt_counts(job_ids)
    assert [] == audit_ledger(runledger_pool)
