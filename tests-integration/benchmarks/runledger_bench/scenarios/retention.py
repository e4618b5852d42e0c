"""Purge what has ended while jobs flow: the tables must stop growing."""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from runledger_postgres import purge_ended

from .. import ledger, statements
from ..flow import Watcher, flowing
from ..processes import THROUGHPUT, our_worker, running
from ..registry import Bench, scenario
from ..server import ledger_database

if TYPE_CHECKING:
    from collections.abc import Iterator

PURGE_BATCH = 1000


@scenario(
    "retention",
    full={
        "seconds": 300.0,
        "every_seconds": 2.0,
        "jobs_per_second": 1000,
        "keep_seconds": 30.0,
    },
    quick={"seconds": 30.0, "jobs_per_second": 500, "keep_seconds": 5.0},
    smoke={
        "seconds": 0.6,
        "every_seconds": 0.1,
        "jobs_per_second": 50,
        "keep_seconds": 0.1,
    },
)
def retention(bench: Bench) -> None:
    """Follow table and index sizes while old jobs are purged under load."""
    seconds, every = bench.sizes["seconds"], bench.sizes["every_seconds"]
    bench.report.settings["worker"] = THROUGHPUT
    with (
        ledger_database(bench.admin_dsn) as dsn,
        statements.watching(dsn) as watch,
        running(
            our_worker(dsn, **THROUGHPUT), moments=math.ceil(seconds / every) + 10
        ) as fleet,
    ):
        watcher = Watcher(dsn, fleet, watch, bench.report, every)
        with (
            flowing(dsn, bench.sizes["jobs_per_second"]) as producer,
            purging(dsn, bench.sizes["keep_seconds"]) as purged,
        ):
            # Until the first jobs are old enough the tables must grow.
            watcher.follow(seconds / 3, "filling")
            watcher.follow(2 * seconds / 3, "steady")
        ledger.wait_until_finished(dsn)
        left = ledger.states(dsn).get("SUCCEEDED", 0)
        jobs = producer.sent + watcher.probes
        if left + purged[0] != jobs:
            raise RuntimeError(f"{left} jobs kept and {purged[0]} purged of {jobs}")
        ledger.check_audit(dsn)
        bench.report.count("jobs", jobs)
        bench.report.count("purged", purged[0])


@contextmanager
def purging(dsn: str, keep_seconds: float) -> Iterator[list[int]]:
    """Purge in a thread, a pass each third of the time that jobs are kept."""
    purged = [0]
    is_over = threading.Event()
    faults: list[BaseException] = []

    def purge_on() -> None:
        try:
            while not is_over.wait(keep_seconds / 3):
                purged[0] += purge_all(dsn, timedelta(seconds=keep_seconds))
        except BaseException as fault:  # noqa: BLE001 - raised again where it is joined
            faults.append(fault)

    thread = threading.Thread(target=purge_on, daemon=True)
    thread.start()
    try:
        yield purged
    finally:
        is_over.set()
        thread.join()
        if faults:
            raise faults[0]


def purge_all(dsn: str, older_than: timedelta) -> int:
    """Purge batch after batch until nothing that old is left; return how many jobs."""
    purged, cursor = 0, None
    with ledger.connect(dsn) as connection:
        while True:
            report = purge_ended(
                connection, older_than=older_than, limit=PURGE_BATCH, cursor=cursor
            )
            purged += report.deleted_jobs
            cursor = report.next_cursor
            if cursor is None:
                return purged
