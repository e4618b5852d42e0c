"""Drain beside a large backlog, and beside a long history."""

from __future__ import annotations

from contextlib import ExitStack

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
    full={"queued": [10_000, 1_000_000], "starts": 10_000},
    quick={"queued": [5_000, 100_000], "starts": 5_000},
    smoke={"queued": [200], "starts": 30},
)
def backlog(bench: Bench) -> None:
    """Start jobs from a small and from a large backlog, in turn."""
    starts = bench.sizes["starts"]
    bench.report.settings["worker"] = THROUGHPUT
    with ExitStack() as stack:
        backlogs = {}
        for queued in bench.sizes["queued"]:
            backlogs[queued] = stack.enter_context(ledger_database(bench.admin_dsn))
            fill_queued(backlogs[queued], queued)
            found = sum(ledger.states(backlogs[queued]).values())
            bench.report.count("queued", found)
        for _ in range(bench.rounds):
            for queued, dsn in backlogs.items():
                rate = start_rate(dsn, starts)
                name = f"first {starts:,} starts, {queued:,} queued"
                bench.report.add(name, "jobs/s", rate)
                restore(dsn, queued)


def restore(dsn: str, queued: int) -> None:
    """Fill up what was drained; a small backlog that is gone is made anew."""
    left = ledger.states(dsn).get("PENDING", 0)
    if left == 0:
        ledger.empty(dsn)
    ledger.enqueue(dsn, queued - left)
    settle(dsn)


@scenario(
    "history",
    full={"jobs": 20_000, "finished": [0, 2_000_000]},
    quick={"jobs": 5_000, "finished": [0, 100_000]},
    smoke={"jobs": 30, "finished": [200]},
)
def history(bench: Bench) -> None:
    """Drain with an empty history and with many finished jobs kept, in turn."""
    jobs = bench.sizes["jobs"]
    bench.report.settings["worker"] = THROUGHPUT
    with ExitStack() as stack:
        histories = {}
        for finished in bench.sizes["finished"]:
            dsn = stack.enter_context(ledger_database(bench.admin_dsn))
            histories[finished] = dsn
            if finished:
                fill_finished(dsn, finished)
                bench.report.count("finished", finished)
                with ledger.connect(dsn) as connection:
                    bench.report.count("events", value_of(connection, ledger.EVENTS))
        for _ in range(bench.rounds):
            for finished, dsn in histories.items():
                if not finished:
                    ledger.empty(dsn)
                ledger.enqueue(dsn, jobs)
                settle(dsn)
                name = f"drain {jobs:,}, {finished:,} finished kept"
                bench.report.add(name, "jobs/s", drain(dsn, jobs).rate)
        for finished, dsn in histories.items():
            kept = finished + bench.rounds * jobs if finished else jobs
            ledger.check_all_succeeded(dsn, kept)
            if kept <= AUDITABLE:
                ledger.check_audit(dsn)
