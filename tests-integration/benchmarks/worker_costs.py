"""
Measure one worker: how soon it starts a job, what it costs idle, whether it grows.

The worker is a process of its own on an embedded PostgreSQL with fsync and
synchronous_commit on. Latency is from the return of the enqueue's commit to the start
of the handler, by the one clock of this machine, for a worker that has nothing else to
do. The program that is started for the worker is this file, with ``worker``.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import ConnectionPool

from runledger_core import JobEnqueue
from runledger_postgres import (
    enqueue_job,
    enqueue_jobs,
    migrate_after_idempotency_cutover,
)
from runledger_runtime import JobCatalog, JobsConfig, Supervisor
from runledger_test_support import start_embedded_server

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOCK = "bench.clock"
BATCH = 1000
PAGE_BYTES = resource.getpagesize()

catalog = JobCatalog()


@catalog.job(CLOCK)
async def tell_time(context: Any, payload: Any) -> float:
    """Say when the handler was started."""
    return time.time()


def main() -> int:
    """Measure everything once and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--idle-seconds", type=float, default=60.0)
    parser.add_argument("--jobs", type=int, default=200_000)
    parser.add_argument("worker", nargs="?", help="be the worker of DATABASE_URL")
    arguments = parser.parse_args()
    if arguments.worker:
        return work()
    with (
        start_embedded_server(durable=True) as server,
        psycopg.connect(server.dsn, autocommit=True) as connection,
    ):
        migrate_after_idempotency_cutover(connection)
        catalog.sync_definitions(connection)
        for mode in ("notify", "poll"):
            with worker(server.dsn, JOBS_WAKEUP=mode) as process:
                report_latency(connection, mode, arguments.samples)
                report_idle(connection, process, mode, arguments.idle_seconds)
        busy = {"JOBS_CLAIM_BATCH_SIZE": "500", "JOBS_MAX_GLOBAL_CONCURRENCY": "1000"}
        with worker(server.dsn, **busy) as process:
            report_growth(connection, process, arguments.jobs)
    return 0


def work() -> int:
    """Be the worker."""
    url = os.environ["DATABASE_URL"]
    with ConnectionPool(url, min_size=2, max_size=6) as pool:
        return Supervisor(pool, JobsConfig.from_env(), catalog=catalog).run()


@contextmanager
def worker(dsn: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the worker for a while."""
    env = {**os.environ, "DATABASE_URL": dsn, **settings}
    process = subprocess.Popen([sys.executable, __file__, "worker"], env=env)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def report_latency(
    connection: psycopg.Connection[Any], mode: str, samples: int
) -> None:
    """Enqueue jobs one by one, each when the last has been idle for a moment."""
    taken = []
    for number in range(samples + 1):
        job_id = enqueue_job(connection, JobEnqueue(CLOCK)).job_id
        committed = time.time()
        started = wait_for_output(connection, job_id)
        if number:  # the first one waits for the worker's own start
            taken.append(1000 * (started - committed))
        time.sleep(0.02 + (number % 17) / 500)
    cuts = statistics.quantiles(taken, n=100)
    print(
        f"{mode}: commit to handler start p50 {cuts[49]:.2f} ms, p90 {cuts[89]:.2f} ms,"
        f" p99 {cuts[98]:.2f} ms over {len(taken)}",
        flush=True,
    )


def wait_for_output(connection: psycopg.Connection[Any], job_id: Any) -> float:
    """Return what the handler said, once the job has succeeded."""
    query = """
        SELECT output::float
        FROM job_queue
        WHERE id = %s
          AND finished_at IS NOT NULL
    """
    while True:
        row = connection.execute(query, [job_id]).fetchone()
        if row is not None:
            return float(row[0])
        time.sleep(0.005)


def report_idle(
    connection: psycopg.Connection[Any],
    process: subprocess.Popen[bytes],
    mode: str,
    seconds: float,
) -> None:
    """Count transactions and processor time of a worker without work."""
    time.sleep(6)  # until it polls no more often than it will
    before = transactions(connection), processor_seconds(process.pid)
    time.sleep(seconds)
    count = transactions(connection) - before[0] - 1
    used = processor_seconds(process.pid) - before[1]
    print(
        f"{mode}: idle {60 * count / seconds:.0f} transactions a minute,"
        f" {100 * used / seconds:.2f} % of a core",
        flush=True,
    )


def transactions(connection: psycopg.Connection[Any]) -> int:
    """Count the database's transactions so far."""
    row = connection.execute(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database"
        " WHERE datname = current_database()"
    ).fetchone()
    return 0 if row is None else int(row[0])


def processor_seconds(pid: int) -> float:
    """Return how long a process has computed."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report_growth(
    connection: psycopg.Connection[Any], process: subprocess.Popen[bytes], jobs: int
) -> None:
    """Run jobs in ten parts, and print the worker's memory after each."""
    sizes = []
    started = time.perf_counter()
    for _ in range(10):
        for _ in range(jobs // 10 // BATCH):
            enqueue_jobs(connection, [JobEnqueue(CLOCK) for _ in range(BATCH)])
        pending = "SELECT EXISTS (SELECT FROM job_queue WHERE finished_at IS NULL)"
        while True:
            row = connection.execute(pending).fetchone()
            if row is not None and not row[0]:
                break
            time.sleep(0.1)
        sizes.append(resident_mebibytes(process.pid))
    seconds = time.perf_counter() - started
    shown = ", ".join(f"{size:.1f}" for size in sizes)
    print(f"resident MiB after each tenth of {jobs:,} jobs ({seconds:.0f} s): {shown}")


def resident_mebibytes(pid: int) -> float:
    """Return how much memory a process holds."""
    statm = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    return int(statm.split()[1]) * PAGE_BYTES / 2**20


if __name__ == "__main__":
    sys.exit(main())
