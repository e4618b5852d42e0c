"""
Drain a queue with worker processes, and say how fast that was.

The clock runs from the first handler start to the moment at which the database holds no
unfinished job: what a worker has in memory does not count as done. All processes are
ready before the first one begins, so no process's start is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from . import ledger
from .processes import THROUGHPUT, our_worker, running

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 900.0


@attrs.frozen
class Drained:
    """How a drain went."""

    seconds: float
    jobs: int
    per_process: list[int]

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds


def drain(
    dsn: str,
    jobs: int,
    *,
    processes: int = 1,
    settings: Mapping[str, str] | None = None,
) -> Drained:
    """Let processes of ours run all that is queued."""
    launch = our_worker(dsn, **(settings or THROUGHPUT))
    with running(launch, processes) as fleet:
        fleet.wait_for(jobs, TIMEOUT)
        ended_at = ledger.wait_until_finished(dsn)
        seconds = ended_at - fleet.tally.first_start()
        return Drained(seconds, jobs, fleet.tally.per_process(processes))


def start_rate(dsn: str, window: int) -> float:
    """Return how many handlers one process starts a second, over the first *window*."""
    with running(our_worker(dsn, **THROUGHPUT)) as fleet:
        reached_at = fleet.wait_for(window, TIMEOUT)
        return window / (reached_at - fleet.tally.first_start())
