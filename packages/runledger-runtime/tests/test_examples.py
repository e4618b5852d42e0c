"""The examples run as they stand, each as a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from runledger_core import EVERYTHING, JobEnqueue, JobStatus
from runledger_postgres import enqueue_job, get_job_by_id
from runledger_runtime import ExitCode

EXAMPLES = Path(__file__).parent.parent / "examples"
db = pytest.mark.db


@contextmanager
def example(*arguments, **environ):
    """Run a program beside the examples; its log is read line by line."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=EXAMPLES,
        env={**os.environ, "JOBS_POLL_INTERVAL_MS": "20", **environ},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_line(process, pattern):
    lines = []
    for line in process.stderr:
        lines.append(line)
        if found := re.search(pattern, line):
            return found
    pytest.fail("it ended: " + "".join(lines))


def ask(url, *, payload=None):
    """Make an HTTP request; return its status and its JSON."""
    data = None if payload is None else json.dumps(payload).encode()
    try:
        with urllib.request.urlopen(url, data, timeout=20) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@db
@pytest.mark.parametrize("program", ["worker.py", "all_cores.py"])
def test_the_worker_runs_jobs_and_stops_in_good_order(
    runledger_database, runledger_pool, program
):
    with example(program, DATABASE_URL=runledger_database) as process:
        wait_for_line(process, "runs worker, ")
        job_id = enqueue_job(
            runledger_pool, JobEnqueue("mail.send", {"to": "ada@example.org"})
        ).job_id
        wait_for_line(process, f"{job_id}: welcome to ada@example.org")
        process.terminate()
        _, log = process.communicate(timeout=20)

    job = get_job_by_id(runledger_pool, job_id, scope=EVERYTHING)
    assert ExitCode.OK == process.returncode, log
    assert {"sent_to": "ada@example.org"} == job.output


@pytest.mark.parametrize(
    ("url", "exit_code", "reason"),
    [
        ("", ExitCode.MISCONFIGURED, "DATABASE_URL is not set"),
        ("host=127.0.0.1 port=1", ExitCode.UNAVAILABLE, r"db\.connection_failed"),
    ],
    ids=["no address", "no database"],
)
def test_the_worker_says_in_a_line_why_it_cannot_start(url, exit_code, reason):
    with example("worker.py", DATABASE_URL=url) as process:
        wait_for_line(process, f"CRITICAL .*{reason}")
        _, log = process.communicate(timeout=20)

    assert exit_code == process.returncode
    assert "Traceback" not in log


@db
def test_the_application_enqueues_runs_jobs_and_tells_how_it_is(
    runledger_database, runledger_pool
):
    def look(job_id):
        return get_job_by_id(runledger_pool, job_id, scope=EVERYTHING)

    with psycopg.connect(runledger_database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE accounts (address text PRIMARY KEY, greeted_by text)"
        )
    arguments = ["-m", "uvicorn", "asyncio_app:app", "--port=0"]
    environ = {"DATABASE_URL": runledger_database, "JOBS_WORKER_ID": "web-1"}
    with example(*arguments, **environ) as process:
        address = wait_for_line(process, r"running on (http://\S+)")[1]
        ready, health = ask(f"{address}/health/ready")
        live, _ = ask(f"{address}/health/live")
        created, answer = ask(f"{address}/accounts", payload={"address": "ada"})
        repeated, _ = ask(f"{address}/accounts", payload={"address": "ada"})
        deadline = time.monotonic() + 20
        while (job := look(answer["job_id"])).status is not JobStatus.SUCCEEDED:
            assert time.monotonic() < deadline, job
        process.terminate()
        _, log = process.communicate(timeout=20)

    with psycopg.connect(runledger_database) as connection:
        accounts = connection.execute("SELECT * FROM accounts").fetchall()
    assert (200, 200, 202, 500) == (ready, live, created, repeated)
    assert "RUNNING" == health["phase"]
    assert "ada" == job.output
    assert [("ada", "web-1")] == accounts
    assert "Application shutdown complete" in log


@db
def test_the_application_does_not_serve_without_a_schema(runledger_empty_database):
    arguments = ["-m", "uvicorn", "asyncio_app:app", "--port=0"]
    with example(*arguments, DATABASE_URL=runledger_empty_database) as process:
        wait_for_line(process, r"schema\.history_missing")
        wait_for_line(process, "startup failed")
        process.communicate(timeout=20)

    assert process.returncode > 0
