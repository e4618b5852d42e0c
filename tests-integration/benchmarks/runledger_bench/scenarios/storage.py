"""Claim and complete without a worker, beside bare SQL on the same server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from runledger_postgres import SettleSuccess, claim_jobs, complete_jobs

from .. import bare, ledger
from ..registry import Bench, scenario
from ..server import ledger_database, settle

if TYPE_CHECKING:
    import psycopg

LEASE_SECONDS = 600


@scenario(
    "storage",
    full={"jobs": 10_000, "batches": [1, 10, 100, 500], "most_cycles": 1000},
    quick={"jobs": 2_000, "most_cycles": 200},
    smoke={"jobs": 20, "batches": [1, 10], "most_cycles": 5},
)
def storage(bench: Bench) -> None:
    """Claim and complete by the storage layer alone, in batches of several sizes."""
    with (
        ledger_database(bench.admin_dsn) as dsn,
        ledger.connect(dsn) as connection,
    ):
        bare.create(connection)
        for _ in range(bench.rounds):
            for batch in bench.sizes["batches"]:
                cycles = min(bench.sizes["jobs"] // batch, bench.sizes["most_cycles"])
                jobs = cycles * batch
                ledger.empty(dsn)
                ledger.enqueue(dsn, jobs)
                bare.insert_many(connection, jobs)
                settle(dsn)
                measure(bench, connection, cycles, batch)
                ledger.check_all_succeeded(dsn, jobs)
                bench.report.count("jobs", jobs)


def measure(
    bench: Bench, connection: psycopg.Connection[Any], cycles: int, batch: int
) -> None:
    """Claim and complete, the ledger and the bare table in turn."""
    spent = {
        ("claim", bare.SIDE): 0.0,
        ("complete", bare.SIDE): 0.0,
        ("claim", "ours"): 0.0,
        ("complete", "ours"): 0.0,
    }
    for _ in range(cycles):
        marks = [time.perf_counter()]
        claimed = claim_jobs(
            connection, worker_id="bench", lease_seconds=LEASE_SECONDS, limit=batch
        )
        marks.append(time.perf_counter())
        complete_jobs(connection, [SettleSuccess(job.lease) for job in claimed])
        marks.append(time.perf_counter())
        ids = bare.claim(connection, batch)
        marks.append(time.perf_counter())
        bare.complete(connection, ids)
        marks.append(time.perf_counter())
        if not len(claimed) == len(ids) == batch:
            raise RuntimeError("a queue ran dry")
        spent["claim", "ours"] += marks[1] - marks[0]
        spent["complete", "ours"] += marks[2] - marks[1]
        spent["claim", bare.SIDE] += marks[3] - marks[2]
        spent["complete", bare.SIDE] += marks[4] - marks[3]
    for what in ("claim", "complete"):
        name, jobs = f"{what}, {batch} a call", cycles * batch
        bench.report.add(name, "jobs/s", jobs / spent[what, "ours"])
        bench.report.add(name, "jobs/s", jobs / spent[what, bare.SIDE], side=bare.SIDE)
