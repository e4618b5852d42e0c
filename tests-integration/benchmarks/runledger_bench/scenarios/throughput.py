"""Drain a queue of jobs that do nothing, with one and with two worker processes."""

from __future__ import annotations

from .. import ledger
from ..draining import drain
from ..processes import THROUGHPUT
from ..registry import Bench, scenario
from ..server import ledger_database, settle


@scenario(
    "throughput",
    full={"jobs": 50_000, "processes": [1, 2]},
    quick={"jobs": 10_000},
    smoke={"jobs": 40, "processes": [1]},
)
def throughput(bench: Bench) -> None:
    """Drain no-op async jobs with one and two worker processes, full ledger."""
    jobs = bench.sizes["jobs"]
    bench.report.settings["worker"] = THROUGHPUT
    with ledger_database(bench.admin_dsn) as dsn:
        for _ in range(bench.rounds):
            for processes in bench.sizes["processes"]:
                ledger.empty(dsn)
                ledger.enqueue(dsn, jobs)
                settle(dsn)
                drained = drain(dsn, jobs, processes=processes)
                ledger.check_all_succeeded(dsn, jobs)
                plural = "es" if processes > 1 else ""
                bench.report.add(
                    f"drain, {processes} process{plural}", "jobs/s", drained.rate
                )
                bench.report.count("jobs", jobs)
        ledger.check_audit(dsn)
