"""
Measure a supervisor beside an asyncio program: as a thread, and as trio's guest.

Each round runs the same jobs three times on an embedded PostgreSQL with fsync on:
alone, in a thread with its own trio run (what `Supervisor.in_asyncio` does), and as a
guest of the asyncio loop. Meanwhile the loop sleeps for 5 ms again and again, and notes
how much longer that took. docs/design/asyncio-hosts.md has the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import trio
from psycopg_pool import ConnectionPool

from runledger_core import JobEnqueue
from runledger_postgres import enqueue_jobs, migrate_after_idempotency_cutover
from runledger_runtime import JobCatalog, JobsConfig, Supervisor
from runledger_test_support import start_embedded_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

JOB_TYPE = "bench.spin"
PERIOD_SECONDS = 0.005


def main() -> int:
    """Measure every way once a round, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--spin-ms", type=float, default=0, help="how long each handler computes"
    )
    options = parser.parse_args()
    catalog = catalog_of(options.spin_ms / 1000)
    ways = {"alone": alone, "thread": in_thread, "guest": as_guest}
    with (
        start_embedded_server(durable=True) as server,
        ConnectionPool(server.dsn, min_size=1, open=True) as pool,
    ):
        migrate_after_idempotency_cutover(pool)
        catalog.sync_definitions(pool)
        for _ in range(options.rounds):
            for name, way in ways.items():
                enqueue_jobs(pool, [JobEnqueue(JOB_TYPE)] * options.jobs)
                supervisor = supervisor_of(server.dsn, catalog)
                seconds, delays = asyncio.run(measured(way, supervisor))
                print(told(name, options.jobs / seconds, delays), flush=True)
    return 0


def catalog_of(spin_seconds: float) -> JobCatalog:
    """Return a catalog with the one handler."""
    catalog = JobCatalog()

    @catalog.job(JOB_TYPE)
    async def spin(context: object, payload: object) -> None:
        until = time.perf_counter() + spin_seconds
        while time.perf_counter() < until:
            pass

    return catalog


def supervisor_of(dsn: str, catalog: JobCatalog) -> Supervisor:
    """Return a supervisor as one would have it for throughput."""
    config = JobsConfig(max_global_concurrency=500, claim_batch_size=500)
    pool = ConnectionPool(dsn, min_size=5, open=False)
    return Supervisor(pool, config, catalog=catalog, is_reaper_enabled=False)


async def measured(
    way: Callable[[Supervisor], Awaitable[None]], supervisor: Supervisor
) -> tuple[float, list[float]]:
    """Return how long a run took, and by how much each sleep was late."""
    delays: list[float] = []

    async def sample() -> None:
        while True:
            began_at = time.perf_counter()
            await asyncio.sleep(PERIOD_SECONDS)
            delays.append(time.perf_counter() - began_at - PERIOD_SECONDS)

    sampler = asyncio.create_task(sample())
    began_at = time.perf_counter()
    await way(supervisor)
    seconds = time.perf_counter() - began_at
    sampler.cancel()
    with suppress(asyncio.CancelledError):
        await sampler
    return seconds, delays


async def alone(supervisor: Supervisor) -> None:
    """Run it in this thread; the loop stands still."""
    supervisor.run(stop_when_idle=True)


async def in_thread(supervisor: Supervisor) -> None:
    """Run it in a thread with its own trio run."""
    await asyncio.to_thread(supervisor.run, stop_when_idle=True)


async def as_guest(supervisor: Supervisor) -> None:
    """Run it as a guest of this loop."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    trio.lowlevel.start_guest_run(
        partial(supervisor.run_async, stop_when_idle=True),
        run_sync_soon_threadsafe=loop.call_soon_threadsafe,
        run_sync_soon_not_threadsafe=loop.call_soon,
        host_uses_signal_set_wakeup_fd=True,
        done_callback=ended.set_result,
    )
    (await ended).unwrap()


def told(name: str, rate: float, delays: list[float]) -> str:
    """Return a line of the table."""
    if not delays:
        return f"{name:7}{rate:8.0f} jobs/s"
    ordered = [1000 * delay for delay in sorted(delays)]
    median, late = (ordered[int(q * (len(ordered) - 1))] for q in (0.5, 0.99))
    return (
        f"{name:7}{rate:8.0f} jobs/s; added to the loop, ms: "
        f"p50 {median:.2f}, p99 {late:.1f}, max {ordered[-1]:.1f}"
    )


if __name__ == "__main__":
    sys.exit(main())
