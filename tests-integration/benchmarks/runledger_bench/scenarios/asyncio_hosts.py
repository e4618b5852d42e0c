"""
Measure a supervisor beside an asyncio program: as a thread, and as trio's guest.

Each round runs the same jobs three times: alone, in a thread with its own trio run
(what `Supervisor.in_asyncio` does), and as a guest of the asyncio loop. Meanwhile the
loop sleeps for 5 ms again and again, and notes how much longer that took.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from psycopg_pool import ConnectionPool

from runledger_runtime import JobCatalog, JobsConfig, Supervisor

from .. import ledger
from ..registry import Bench, scenario
from ..server import JOB_TYPE, ledger_database, settle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PERIOD_SECONDS = 0.005
SLOTS = 500


@scenario(
    "asyncio_hosts",
    full={"jobs": 10_000, "spin_ms": [0.0, 0.5]},
    quick={"jobs": 3_000, "spin_ms": [0.0]},
    smoke={"jobs": 30, "spin_ms": [0.0]},
)
def asyncio_hosts(bench: Bench) -> None:
    """Run a supervisor in a thread of an asyncio program and as its guest."""
    ways = {"alone": alone, "in a thread": in_thread, "as a guest": as_guest}
    jobs = bench.sizes["jobs"]
    with ledger_database(bench.admin_dsn) as dsn:
        for spin_ms in bench.sizes["spin_ms"]:
            catalog = catalog_of(spin_ms / 1000)
            for _ in range(bench.rounds):
                for name, way in ways.items():
                    ledger.empty(dsn)
                    ledger.enqueue(dsn, jobs)
                    settle(dsn)
                    seconds, delays = asyncio.run(
                        measured(way, supervisor_of(dsn, catalog))
                    )
                    ledger.check_all_succeeded(dsn, jobs)
                    told = f"{name}, handlers compute {spin_ms:g} ms"
                    bench.report.add(told, "jobs/s", jobs / seconds)
                    late = [1000 * delay for delay in delays]
                    if late:
                        bench.report.add(f"added to the loop, {told}", "ms", *late)
                    bench.report.count("jobs", jobs)


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
    config = JobsConfig(max_global_concurrency=SLOTS, claim_batch_size=SLOTS)
    pool: ConnectionPool[Any] = ConnectionPool(dsn, min_size=5, open=False)
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
