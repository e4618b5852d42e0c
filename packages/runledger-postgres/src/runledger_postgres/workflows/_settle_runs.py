"""Keep the counters of runs, and the statuses that follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from .._statements import statement
from .._steps import rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from .._steps import Steps

UPDATE_RUNS = statement("workflows/update_runs")


@attrs.frozen
class RunDelta:
    """By how much the counters of a run change; negative where steps leave a state."""

    ended: int = 0
    unsuccessful: int = 0
    enqueued: int = 0
    waiting: int = 0
    added: int = 0

    def __add__(self, other: RunDelta) -> RunDelta:
        return RunDelta(
            ended=self.ended + other.ended,
            unsuccessful=self.unsuccessful + other.unsuccessful,
            enqueued=self.enqueued + other.enqueued,
            waiting=self.waiting + other.waiting,
            added=self.added + other.added,
        )


def update_runs(deltas: Mapping[UUID, RunDelta]) -> Steps[None]:
    """
    Add to the runs' counters; status, reason, result and end follow from them.

    The caller holds the runs' locks and comes once for each run and movement, after all
    its steps were written: a status in between would be seen by nobody, but an end
    that is none would be told to those who wait for it.
    """
    if not deltas:
        return
    yield from rows(
        UPDATE_RUNS,
        run_ids=list(deltas),
        added=[delta.added for delta in deltas.values()],
        ended=[delta.ended for delta in deltas.values()],
        unsuccessful=[delta.unsuccessful for delta in deltas.values()],
        enqueued=[delta.enqueued for delta in deltas.values()],
        waiting=[delta.waiting for delta in deltas.values()],
    )
