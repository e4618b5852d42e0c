"""Measure how soon an idle worker starts a job."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from runledger_postgres import enqueue_job

from .. import ledger
from ..processes import our_worker, running
from ..registry import Bench, scenario
from ..server import ledger_database

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT = 30.0
# The first jobs wait for the worker's own start, and for plans to be made.
WARM_UP = 5


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

    Between them the worker has time to fall asleep: 20 to 80 ms, at random, so that a
    worker that polls does not fall into step with us. A start may be seen before the
    commit has returned here; that is a wait of less than nothing, and is kept.
    """
    chance = random.Random(17)  # noqa: S311 - the same pauses each time
    waits = []
    for number in range(count):
        enqueue(number)
        committed_at = time.monotonic()
        waits.append(1000 * (wait(number) - committed_at))
        time.sleep(chance.uniform(0.02, 0.08))
    return waits
