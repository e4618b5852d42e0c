"""Drain beside a large backlog, and beside a long history."""

from __future__ import annotations

from .. import ledger
from ..draining import drain, start_rate
from ..fill import fill_finished, fill_queued
from ..processes import THROUGHPUT
from ..registry import Bench, scenario
from ..server import ledger_database, settle, value_of

# Above this many jobs the audit takes longer than the rest.
AUDITABLE = 200_000


@scenario(
    "backlog",
    full={"small": 10_000, "large": 1_000_000},
    quick={"small": 5_000, "large": 100_000},
    smoke={"small": 30, "large": 200},
)
def backlog(bench: Bench) -> None:
    """Start jobs from a small and from a large backlog, in turn."""
    small, large = bench.sizes["small"], bench.sizes["large"]
    bench.report.settings["worker"] = THROUGHPUT
    with (
        ledger_database(bench.admin_dsn) as small_dsn,
        ledger_database(bench.admin_dsn) as large_dsn,
    ):
        fill_queued(large_dsn, large)
        bench.report.count("queued", sum(ledger.states(large_dsn).values()))
        for _ in range(bench.rounds):
            ledger.empty(small_dsn)
            fill_queued(small_dsn, small)
            for queued, dsn in ((small, small_dsn), (large, large_dsn)):
                name = f"first {small:,} starts, {queued:,} queued"
                bench.report.add(name, "jobs/s", start_rate(dsn, small))
            settle(large_dsn)
        ledger.check_all_succeeded(small_dsn, small)


@scenario(
    "history",
    full={"jobs": 20_000, "finished": 2_000_000},
    quick={"jobs": 5_000, "finished": 100_000},
    smoke={"jobs": 30, "finished": 200},
)
def history(bench: Bench) -> None:
    """Drain with an empty history and with many finished jobs kept, in turn."""
    jobs, finished = bench.sizes["jobs"], bench.sizes["finished"]
    bench.report.settings["worker"] = THROUGHPUT
    with (
        ledger_database(bench.admin_dsn) as empty_dsn,
        ledger_database(bench.admin_dsn) as full_dsn,
    ):
        fill_finished(full_dsn, finished)
        bench.report.count("finished", finished)
        with ledger.connect(full_dsn) as connection:
            bench.report.count("events", value_of(connection, ledger.EVENTS))
        for _ in range(bench.rounds):
            ledger.empty(empty_dsn)
            for kept, dsn in ((0, empty_dsn), (finished, full_dsn)):
                ledger.enqueue(dsn, jobs)
                settle(dsn)
                drained = drain(dsn, jobs)
                name = f"drain {jobs:,}, {kept:,} finished kept"
                bench.report.add(name, "jobs/s", drained.rate)
        ledger.check_all_succeeded(empty_dsn, jobs)
        ledger.check_all_succeeded(full_dsn, finished + bench.rounds * jobs)
        if finished <= AUDITABLE:
            ledger.check_audit(full_dsn)
