"""Several worker processes under one: work, deaths, signals, and how it all ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from runledger_core import JobDefinition, JobEnqueue
from runledger_postgres import enqueue_jobs, upsert_job_definition
from runledger_runtime import ExitCode, run_workers

TEAM = Path(__file__).with_name("worker_team.py")
PATIENCE = 60
db = pytest.mark.db


@contextmanager
def team(url, **settings):
    """Run two workers of one slot each, in a process group that ends with the test."""
    own = {
        "DATABASE_URL": url,
        "JOBS_WORKER_ID": "team",
        "JOBS_MAX_GLOBAL_CONCURRENCY": "1",
        "JOBS_POLL_INTERVAL_MS": "20",
        "JOBS_SHUTDOWN_GRACE_SECONDS": "0",
    }
    process = subprocess.Popen(
        [sys.executable, str(TEAM)],
        env={**os.environ, **own, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)  # until the last of them has ended


def enqueue_naps(pool, count):
    upsert_job_definition(pool, JobDefinition("nap"))
    enqueue_jobs(pool, [JobEnqueue("nap")] * count)


def napper(process):
    """Return the next worker that naps: its id and that of its process."""
    worker_id, process_id = process.stdout.readline().split()
    return worker_id, int(process_id)


@db
def test_jobs_are_shared_and_a_process_that_dies_is_replaced(
    runledger_database, runledger_pool
):
    enqueue_naps(runledger_pool, 3)
    with team(runledger_database) as process:
        nappers = dict([napper(process), napper(process)])
        assert nappers.keys() == {"team-1", "team-2"}
        assert len({process.pid, *nappers.values()}) == 3

        os.kill(nappers["team-1"], signal.SIGKILL)
        heir, heirs_process_id = napper(process)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=PATIENCE)

    assert heir == "team-1"
    assert heirs_process_id not in nappers.values()
    assert process.returncode == ExitCode.INTERRUPTED
    assert "worker process 1 ended with SIGKILL; its place is filled" in log


@db
def test_workers_whose_parent_is_killed_stop(runledger_database, runledger_pool):
    enqueue_naps(runledger_pool, 1)
    with team(runledger_database) as process:
        napper(process)

        process.kill()

        # Both hold the other end of the pipe until they have ended.
        process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL


@db
def test_one_that_is_misconfigured_ends_all(runledger_database):
    with team(runledger_database, JOBS_CLAIM_BATCH_SIZE="many") as process:
        _, log = process.communicate(timeout=PATIENCE)

    assert process.returncode == ExitCode.MISCONFIGURED
    assert "JOBS_CLAIM_BATCH_SIZE" in log
    assert "is misconfigured: all stop" in log


def test_what_cannot_run_is_refused():
    with pytest.raises(ValueError, match="one process at least"):
        run_workers(lambda: pytest.fail("called"), processes=0)

    refused = []

    def run_elsewhere():
        with pytest.raises(RuntimeError, match="main thread") as error:
            run_workers(lambda: pytest.fail("called"), processes=1)
        refused.append(error)

    thread = threading.Thread(target=run_elsewhere)
    thread.start()
    thread.join()
    assert refused
