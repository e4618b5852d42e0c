"""Measure what workflows cost beside the same number of plain jobs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from runledger_core import EVERYTHING, WorkflowRunStatus
from runledger_postgres import enqueue_workflow_run, list_workflow_runs

from .. import ledger
from ..draining import drain
from ..processes import THROUGHPUT
from ..registry import Bench, scenario
from ..server import ledger_database, settle
from ..workflow_shapes import chain, fan, layered

if TYPE_CHECKING:
    from runledger_core.workflows import WorkflowRunEnqueue

PLAIN = "plain jobs"


@scenario(
    "workflow",
    full={
        "fans": [(1000, 1), (1000, 10)],
        "chains": [200],
        "layers": [(100, 390), (1000, 4000), (10_000, 50_000)],
    },
    quick={"fans": [(1000, 1)], "layers": [(1000, 4000)]},
    smoke={"fans": [(20, 1)], "chains": [], "layers": []},
)
def workflow(bench: Bench) -> None:
    """Run workflows of several shapes, and as many plain jobs, in turn."""
    bench.report.settings["worker"] = THROUGHPUT
    shapes: list[tuple[str, WorkflowRunEnqueue, int]] = [
        (f"{runs} x fan-out {width:,} wide with fan-in", fan(width), runs)
        for width, runs in bench.sizes["fans"]
    ]
    shapes += [
        (f"chain of {length}", chain(length), 1) for length in bench.sizes["chains"]
    ]
    shapes += [
        (f"layered, {steps:,} steps, {edges:,} edges", layered(steps, edges), 1)
        for steps, edges in bench.sizes["layers"]
    ]
    with ledger_database(bench.admin_dsn) as dsn:
        for _ in range(bench.rounds):
            for name, request, runs in shapes:
                compare(bench, dsn, name, request, runs)
        ledger.check_audit(dsn)


def compare(
    bench: Bench, dsn: str, name: str, request: WorkflowRunEnqueue, runs: int
) -> None:
    """Drain the workflows and as many plain jobs in turn."""
    count = runs * len(request.steps)
    ledger.empty(dsn)
    with ledger.connect(dsn) as connection:
        for _ in range(runs):
            started = time.perf_counter()
            enqueue_workflow_run(connection, request)
            spent = time.perf_counter() - started
            bench.report.add(f"enqueue {name}", "ms", 1000 * spent)
    settle(dsn)
    bench.report.add(name, "jobs/s", drain(dsn, count).rate)
    with ledger.connect(dsn) as connection:
        page = list_workflow_runs(connection, scope=EVERYTHING)
    if {each.status for each in page.items} != {WorkflowRunStatus.SUCCEEDED}:
        raise RuntimeError(f"{name}: a run did not succeed")
    ledger.check_all_succeeded(dsn, count)
    ledger.empty(dsn)
    ledger.enqueue(dsn, count)
    settle(dsn)
    bench.report.add(name, "jobs/s", drain(dsn, count).rate, side=PLAIN)
    ledger.check_all_succeeded(dsn, count)
    bench.report.count("steps", count)
