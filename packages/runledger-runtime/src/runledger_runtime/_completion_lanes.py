"""Settle outcomes on lanes that do not wait for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._completer import Completer
    from ._held_jobs import HeldJob
    from ._ledger import Outcome

_RUN_LANES_COUNT: Final = 2


class CompletionLanes:
    """
    Share outcomes out among completers.

    Steps have lanes of their own. To end one locks its run and releases what waited for
    it, a thousand jobs perhaps, and plain jobs need not wait for that. Two lanes have
    the steps, so that the server works on two runs at a time; all steps of one run are
    on the same, since each batch would wait for the other's lock.

    Plain jobs have one lane, because their batches are cheaper the larger they are.

    Args:
        make_completer: makes the completer of a lane.
    """

    def __init__(self, make_completer: Callable[[], Completer]) -> None:
        self._plain = make_completer()
        self._of_runs = [make_completer() for _ in range(_RUN_LANES_COUNT)]

    def put(self, job: HeldJob, outcome: Outcome) -> None:
        """Take an outcome that has to be settled; never blocks."""
        step = job.claimed.step
        lane = self._plain
        if step is not None:
            lane = self._of_runs[step.workflow_run_id.int % _RUN_LANES_COUNT]
        lane.put(job, outcome)

    async def run(self) -> None:
        """Settle until cancelled; what still waits then is left to lease expiry."""
        async with trio.open_nursery() as nursery:
            for lane in (self._plain, *self._of_runs):
                nursery.start_soon(lane.run, name="runledger completer")
