"""Enqueue jobs one by one and in bulk, beside bare inserts into a table."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from runledger_postgres import copy_jobs, enqueue_job, enqueue_jobs

from .. import bare, ledger
from ..processes import our_worker, running
from ..registry import Bench, scenario
from ..server import JOB_TYPE, OTHER_JOB_TYPE, ledger_database, value_of
from ..worker_program import JOB_TYPE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

BATCH = 1000
# Who else is there while single jobs are enqueued, and what he takes.
AUDIENCES = {
    "nobody listens": None,
    "a worker listens for another type": OTHER_JOB_TYPE,
    "a worker takes the jobs": JOB_TYPE,
}


@scenario(
    "enqueue",
    full={
        "jobs": 5_000,
        "clients": [1, 10],
        "bulk_jobs": 100_000,
        "audiences": [*AUDIENCES],
    },
    quick={"jobs": 1_000, "bulk_jobs": 20_000},
    smoke={
        "jobs": 20,
        "clients": [2],
        "bulk_jobs": 2_000,
        "audiences": ["a worker takes the jobs"],
    },
)
def enqueue(bench: Bench) -> None:
    """Enqueue by single calls, batches of 1,000 and COPY, against bare inserts."""
    with ledger_database(bench.admin_dsn) as dsn:
        with ledger.connect(dsn) as connection:
            bare.create(connection)
        for audience in bench.sizes["audiences"]:
            singles(bench, dsn, audience, AUDIENCES[audience])
        bulk(bench, dsn)


def singles(bench: Bench, dsn: str, audience: str, job_type: str | None) -> None:
    """
    Measure transactions of one job each, ours and bare in turn.

    Where a worker takes the jobs it needs a core meanwhile, which bare inserts have to
    themselves: that ratio tells of the machine rather than of an enqueue's cost.
    """
    jobs = bench.sizes["jobs"]
    single = ledger.request()
    for _ in range(bench.rounds):
        for clients in bench.sizes["clients"]:
            count = jobs * clients
            name = f"enqueue one by one, {clients} clients, {audience}"
            ledger.empty(dsn)
            with ExitStack() as stack:
                if job_type is not None:
                    launch = our_worker(dsn, **{JOB_TYPE_VARIABLE: job_type})
                    stack.enter_context(running(launch))
                    wait_for_sleeper(dsn)
                ours = rate(dsn, clients, jobs, lambda it: enqueue_job(it, single))
                bench.report.add(name, "jobs/s", ours)
                if job_type == JOB_TYPE:
                    ledger.wait_until_finished(dsn)
                theirs = rate(dsn, clients, jobs, bare.insert)
                bench.report.add(name, "jobs/s", theirs, side=bare.SIDE)
                check(dsn, count)
            bench.report.count("jobs", count)


def rate(
    dsn: str,
    clients: int,
    jobs: int,
    insert: Callable[[psycopg.Connection[Any]], object],
) -> float:
    """Insert from several connections at once; return how many a second."""
    connections = [ledger.connect(dsn) for _ in range(clients)]

    def client(connection: psycopg.Connection[Any]) -> None:
        for _ in range(jobs):
            insert(connection)

    try:
        with ThreadPoolExecutor(clients) as threads:
            started = time.perf_counter()
            list(threads.map(client, connections))
            return clients * jobs / (time.perf_counter() - started)
    finally:
        for connection in connections:
            connection.close()


def wait_for_sleeper(dsn: str) -> None:
    """Wait until the worker says that it sleeps: from then on it listens."""
    query = "SELECT EXISTS (SELECT FROM job_workers WHERE asleep_since IS NOT NULL)"
    until = time.monotonic() + 60
    with ledger.connect(dsn) as connection:
        while not value_of(connection, query):
            if time.monotonic() > until:
                raise TimeoutError("the worker never fell asleep")
            time.sleep(0.01)


def bulk(bench: Bench, dsn: str) -> None:
    """Measure batches of a thousand and COPY, ours and bare in turn."""
    jobs = bench.sizes["bulk_jobs"]
    calls = range(jobs // BATCH)
    requests = [ledger.request() for _ in range(BATCH)]
    with ledger.connect(dsn) as connection:

        def in_batches() -> None:
            for _ in calls:
                enqueue_jobs(connection, requests)

        def bare_batches() -> None:
            for _ in calls:
                bare.insert_many(connection, BATCH)

        def by_copy() -> None:
            copy_jobs(connection, (ledger.request() for _ in range(jobs)))

        def bare_copy() -> None:
            bare.copy(connection, jobs)

        for _ in range(bench.rounds):
            for name, ours, theirs in (
                ("enqueue 1,000 a call", in_batches, bare_batches),
                ("enqueue by COPY", by_copy, bare_copy),
            ):
                ledger.empty(dsn)
                connection.execute("TRUNCATE bare_queue")
                bench.report.add(name, "jobs/s", jobs / timed(ours))
                bench.report.add(name, "jobs/s", jobs / timed(theirs), side=bare.SIDE)
                check(dsn, len(calls) * BATCH if ours is in_batches else jobs)
                bench.report.count("bulk jobs", jobs)


def timed(work: Callable[[], None]) -> float:
    """Return how long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def check(dsn: str, jobs: int) -> None:
    """Raise unless that many jobs have their ENQUEUED events."""
    query = "SELECT count(*) FROM job_events WHERE event_type = 'ENQUEUED'"
    with ledger.connect(dsn) as connection:
        if (found := value_of(connection, query)) != jobs:
            raise RuntimeError(f"{found} ENQUEUED events for {jobs} jobs")
