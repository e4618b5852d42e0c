"""Measure what one worker costs: statements and processor idle, memory at work."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .. import ledger, statements
from ..draining import TIMEOUT
from ..processes import THROUGHPUT, our_worker, running
from ..registry import Bench, Unavailable, scenario
from ..server import ledger_database

if TYPE_CHECKING:
    from ..processes import Fleet

PAGE_BYTES = resource.getpagesize()
MEBIBYTE = 2**20
PARTS = 10


@scenario(
    "idle",
    full={"seconds": 60.0, "settle_seconds": 8.0, "modes": ["notify", "poll"]},
    quick={"seconds": 15.0},
    smoke={"seconds": 0.3, "settle_seconds": 0.0, "modes": ["notify"]},
)
def idle(bench: Bench) -> None:
    """Count the statements and the processor time of a worker without work."""
    seconds = bench.sizes["seconds"]
    for mode in bench.sizes["modes"]:
        with (
            ledger_database(bench.admin_dsn) as dsn,
            statements.watching(dsn) as watch,
            ledger.connect(dsn) as connection,
            running(our_worker(dsn, JOBS_WAKEUP=mode)) as fleet,
        ):
            # Until it looks no more often than it will.
            time.sleep(bench.sizes["settle_seconds"])
            for _ in range(bench.rounds):
                statements.reset(connection)
                before = processor_seconds(fleet)
                time.sleep(seconds)
                found = statements.counted(connection, watch)
                used = processor_seconds(fleet) - before
                calls = sum(each.calls for each in found.values())
                report = bench.report
                report.add(f"idle, {mode}", "statements/min", 60 * calls / seconds)
                report.add(f"idle, {mode}, of a core", "%", 100 * used / seconds)
    bench.report.count("modes", len(bench.sizes["modes"]))


@scenario(
    "memory",
    full={"jobs": 500_000},
    quick={"jobs": 20_000},
    smoke={"jobs": 50},
)
def memory(bench: Bench) -> None:
    """Follow a worker's resident memory over many jobs."""
    jobs, done = bench.sizes["jobs"], 0
    bench.report.settings["worker"] = THROUGHPUT
    with (
        ledger_database(bench.admin_dsn) as dsn,
        running(our_worker(dsn, **THROUGHPUT)) as fleet,
    ):
        for _ in range(PARTS):
            ledger.enqueue(dsn, jobs // PARTS)
            done += jobs // PARTS
            fleet.wait_for(done, TIMEOUT)
            ledger.wait_until_finished(dsn)
            size = resident_mebibytes(fleet)
            bench.report.follow("resident", "MiB", done, size, over="jobs")
            bench.report.add("resident", "MiB", size)
        ledger.check_all_succeeded(dsn, done)
        bench.report.count("jobs", done)


def processor_seconds(fleet: Fleet) -> float:
    """Return how long a process has computed."""
    fields = proc(fleet, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mebibytes(fleet: Fleet) -> float:
    """Return how much memory a process holds."""
    return int(proc(fleet, "statm").split()[1]) * PAGE_BYTES / MEBIBYTE


def proc(fleet: Fleet, name: str) -> str:
    """Read what the kernel tells of the worker."""
    path = Path(f"/proc/{fleet.processes[0].pid}/{name}")
    if not path.exists():
        raise Unavailable("this system has no /proc to read a process's costs from")
    return path.read_text(encoding="ascii")
