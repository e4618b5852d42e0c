"""Let a transaction hold back the horizon while jobs flow: nothing can be vacuumed."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from .. import ledger, statements
from ..flow import Watcher, flowing
from ..processes import THROUGHPUT, our_worker, running
from ..registry import Bench, scenario
from ..server import ledger_database

if TYPE_CHECKING:
    from collections.abc import Iterator

# Before the horizon is held, and after it was let go, as a part of the time between.
MARGIN = 0.25


@scenario(
    "held_back",
    full={"hold_seconds": 600.0, "every_seconds": 5.0, "jobs_per_second": 1000},
    quick={"hold_seconds": 30.0, "every_seconds": 1.0, "jobs_per_second": 500},
    smoke={"hold_seconds": 0.4, "every_seconds": 0.1, "jobs_per_second": 50},
)
def held_back(bench: Bench) -> None:
    """Follow dead rows, index sizes and claims while a transaction holds xmin."""
    hold = bench.sizes["hold_seconds"]
    every = bench.sizes["every_seconds"]
    samples = math.ceil(hold * (1 + 2 * MARGIN) / every) + 10
    bench.report.settings["worker"] = THROUGHPUT
    with (
        ledger_database(bench.admin_dsn) as dsn,
        statements.watching(dsn) as watch,
        running(our_worker(dsn, **THROUGHPUT), moments=samples) as fleet,
    ):
        watcher = Watcher(dsn, fleet, watch, bench.report, every)
        with flowing(dsn, bench.sizes["jobs_per_second"]) as producer:
            watcher.follow(hold * MARGIN, "before")
            with horizon_held(dsn):
                watcher.follow(hold, "held back")
            watcher.follow(hold * MARGIN, "after")
        ledger.wait_until_finished(dsn)
        jobs = producer.sent + watcher.probes
        ledger.check_all_succeeded(dsn, jobs)
        bench.report.count("jobs", jobs)


@contextmanager
def horizon_held(dsn: str) -> Iterator[None]:
    """Hold a snapshot, as a report or a backup does that takes its time."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM job_queue")
        yield
        connection.rollback()
