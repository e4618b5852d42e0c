"""Measure how soon an idle worker starts a job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from runledger_postgres import enqueue_job

from .. import ledger
from ..processes import our_worker, running
from ..registry import Bench, scenario
from ..server import ledger_database
from ..waits import TIMEOUT, WARM_UP, pauses

if TYPE_CHECKING:
    from collections.abc import Callable


@scenario(
    "latency",
    full={"samples": 500, "modes": ["notify", "poll"]},
    quick={"samples": 100},
    smoke={"samples": 6, "modes": ["notify"]},
)
def latency(bench: Bench) -> None:
    """Take the time from commit to handler start, notified and polling, worker idle."""
    samples = bench.sizes["samples"]
    total = samples + WARM_UP
    for mode in bench.sizes["modes"]:
        bench.report.settings[mode] = {"JOBS_WAKEUP": mode}
        with (
            ledger_database(bench.admin_dsn) as dsn,
            ledger.connect(dsn) as connection,
            running(our_worker(dsn, JOBS_WAKEUP=mode), moments=total) as fleet,
        ):
            waits = commit_to_start(
                lambda number: enqueue_job(connection, ledger.request(number)),
                lambda number: fleet.tally.wait_for_moment(number, TIMEOUT),
                total,
            )
            bench.report.add(f"commit to start, {mode}", "ms", *waits[WARM_UP:])
            bench.report.count("jobs", fleet.tally.total())
            ledger.wait_until_finished(dsn)
            ledger.check_all_succeeded(dsn, total)


def commit_to_start(
    enqueue: Callable[[int], object], wait: Callable[[int], float], count: int
) -> list[float]:
    """
    Enqueue jobs one by one, and return what each waited for its start, in ms.

    A start may be seen before the commit has returned here; that is a wait of less than
    nothing, and is kept.
    """
    waits = []
    for number, pause in enumerate(pauses(count)):
        enqueue(number)
        committed_at = time.monotonic()
        waits.append(1000 * (wait(number) - committed_at))
        time.sleep(pause)
    return waits
