"""Worker processes: signals, exit codes, and what a person sees when it won't start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from runledger_core import (
    EVERYTHING,
    JobDefinition,
    JobEnqueue,
    JobSchedule,
    JobStatus,
    MisfirePolicy,
)
from runledger_postgres import (
    enqueue_job,
    get_job_by_id,
    list_jobs,
    upsert_job_definition,
    upsert_job_schedule,
)
from runledger_runtime import ExitCode

WORKER = Path(__file__).with_name("worker_process.py")
db = pytest.mark.db


@contextmanager
def worker(url, **settings):
    """Run a worker process, which is killed if the test does not end it."""
    process = subprocess.Popen(
        [sys.executable, str(WORKER), url],
        env={**os.environ, "JOBS_POLL_INTERVAL_MS": "20", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def nap(runledger_pool):
    """Enqueue a job that takes a while."""

    def nap(seconds, job_type="nap"):
        upsert_job_definition(runledger_pool, JobDefinition(job_type))
        request = JobEnqueue(job_type, {"seconds": seconds})
        return enqueue_job(runledger_pool, request).job_id

    return nap


@pytest.fixture
def status_of(runledger_pool):
    return lambda job_id: get_job_by_id(runledger_pool, job_id, scope=EVERYTHING).status


def started(process):
    """Wait until a handler has begun."""
    assert "napping\n" == process.stdout.readline(), process.stderr.read()


@db
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name
)
def test_a_signal_lets_the_jobs_that_run_finish(
    number, nap, status_of, runledger_database
):
    job_id = nap(1)
    with worker(runledger_database) as process:
        started(process)
        late_id = nap(0)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)

    assert ExitCode.OK == process.returncode, stderr
    assert JobStatus.SUCCEEDED is status_of(job_id)
    assert "Traceback" not in stderr
    assert status_of(late_id) in {JobStatus.PENDING, JobStatus.SUCCEEDED}


@db
@pytest.mark.parametrize("job_type", ["nap", "plain.nap"])
def test_jobs_that_do_not_finish_in_time_are_left_to_their_leases(
    job_type, nap, status_of, runledger_database
):
    job_id = nap(1000, job_type)
    with worker(runledger_database, JOBS_SHUTDOWN_GRACE_SECONDS="0") as process:
        started(process)
        process.terminate()
        _, stderr = process.communicate(timeout=20)

    assert ExitCode.INTERRUPTED == process.returncode, stderr
    assert JobStatus.LEASED is status_of(job_id)
    assert "Traceback" not in stderr


@db
def test_a_second_signal_does_not_wait(nap, status_of, runledger_database):
    job_id = nap(1000)
    with worker(runledger_database, JOBS_SHUTDOWN_GRACE_SECONDS="1000") as process:
        started(process)
        process.terminate()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)

    assert ExitCode.INTERRUPTED == process.returncode, stderr
    assert JobStatus.LEASED is status_of(job_id)


@db
def test_schedulers_that_are_killed_leave_no_slot_out_and_fire_none_twice(
    runledger_pool, runledger_database
):
    upsert_job_definition(runledger_pool, JobDefinition("nap"))
    schedule = JobSchedule(
        "every second",
        "nap",
        "* * * * * *",
        payload_template={"seconds": 0},
        misfire_policy=MisfirePolicy.ALL,
    )
    upsert_job_schedule(runledger_pool, schedule)
    for _ in range(2):
        with worker(runledger_database) as one, worker(runledger_database) as other:
            started(one)
            one.kill()
            started(other)

    jobs = list_jobs(runledger_pool, scope=EVERYTHING, limit=1000).items
    found = [
        get_job_by_id(runledger_pool, job.id, scope=EVERYTHING).payload for job in jobs
    ]
    slots = sorted(
        datetime.fromisoformat(payload["_schedule"]["scheduled_for"])
        for payload in found
    )
    assert 3 <= len(slots)
    assert {timedelta(seconds=1)} == {b - a for a, b in pairwise(slots)}


@db
def test_a_handler_that_swallows_its_cancellation_cannot_keep_the_process(
    nap, status_of, runledger_database
):
    job_id = nap(0, "swallow")
    settings = {"JOBS_SHUTDOWN_GRACE_SECONDS": "0", "JOBS_CANCEL_GRACE_SECONDS": "0"}
    with worker(runledger_database, **settings) as process:
        started(process)
        process.terminate()
        _, stderr = process.communicate(timeout=20)

    assert ExitCode.INTERRUPTED == process.returncode, stderr
    assert f"job {job_id} (swallow) swallows its cancellation" in stderr
    assert "the shutdown does not come to its end: leaving without it" in stderr
    assert JobStatus.LEASED is status_of(job_id)


@db
def test_a_handler_that_blocks_trio_cannot_keep_the_process(
    nap, status_of, runledger_database
):
    job_id = nap(0, "block")
    with worker(runledger_database) as process:
        started(process)
        process.terminate()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)

    assert ExitCode.INTERRUPTED == process.returncode, stderr
    assert "the shutdown does not come to its end: leaving without it" in stderr
    assert JobStatus.LEASED is status_of(job_id)


@db
def test_an_unmigrated_database_is_one_line(runledger_empty_database):
    with worker(runledger_empty_database) as process:
        _, stderr = process.communicate(timeout=20)

    assert ExitCode.MISCONFIGURED == process.returncode
    assert stderr.startswith("schema.history_missing: ")
    assert 1 == len(stderr.splitlines())


def test_a_database_that_does_not_answer_is_one_line_at_once():
    with worker("postgresql://nobody@127.0.0.1:1/nothing") as process:
        _, stderr = process.communicate(timeout=20)

    assert ExitCode.UNAVAILABLE == process.returncode
    assert stderr.startswith("db.connection_failed: the database cannot be reached")
    assert "Traceback" not in stderr


@pytest.mark.parametrize("url", ["postgresql://", "nonsense", "host=localhost port=x"])
def test_an_address_that_is_none_is_refused_without_a_traceback(url):
    with worker(url, PGHOST="127.0.0.1", PGPORT="1") as process:
        _, stderr = process.communicate(timeout=20)

    assert ExitCode.UNAVAILABLE == process.returncode
    assert stderr.startswith("db.connection_failed: ")
    assert "Traceback" not in stderr


def test_a_setting_that_does_not_parse_is_one_line():
    with worker("postgresql://", JOBS_LEASE_TTL_SECONDS="soon") as process:
        _, stderr = process.communicate(timeout=20)

    assert ExitCode.MISCONFIGURED == process.returncode
    assert "JOBS_LEASE_TTL_SECONDS must be a whole number, not 'soon'" in stderr
    assert 1 == len(stderr.splitlines())
