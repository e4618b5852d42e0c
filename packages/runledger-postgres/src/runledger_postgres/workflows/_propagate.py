"""
Carry the end of steps on to those that wait for them.

Breadth first and set-based: one statement tells the dependents of all steps of a level,
releases those that are ready, and cancels those whose prerequisites cannot be met any
more; these are the next level. One more brings the runs' counters up to date. So a
batch of completions costs by the depth of the cancellations that it causes, which is
mostly none, and not by its size.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final
from uuid import UUID  # noqa: TC003 - attrs resolves it at run time

import attrs

from runledger_core import WorkflowStepStatus

from .._statements import statement
from .._steps import rows
from ._advance import advance_steps
from ._settle_runs import RunDelta, update_runs
from ._stop import stop_runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .._steps import Steps

FIND_STOPPING_RUNS = statement("workflows/find_stopping_runs")

FAIL_FAST: Final = "workflow.fail_fast"

_ENQUEUED: Final = WorkflowStepStatus.ENQUEUED
_WAITING: Final = WorkflowStepStatus.WAITING_FOR_EXTERNAL
_SUCCEEDED: Final = WorkflowStepStatus.SUCCEEDED


@attrs.frozen
class EndedStep:
    """A step that has ended by itself, and what it was before: ENQUEUED or waiting."""

    step_id: UUID
    run_id: UUID
    status: WorkflowStepStatus
    previous: WorkflowStepStatus

    @property
    def is_fault(self) -> bool:
        """Whether it ended without success."""
        return self.status is not _SUCCEEDED


def propagate(
    ended: Sequence[EndedStep] = (),
    *,
    ready: Sequence[UUID] = (),
    deltas: Mapping[UUID, RunDelta] | None = None,
) -> Steps[None]:
    """
    Release or cancel what waited for these steps, and bring their runs up to date.

    The caller holds the locks of all the runs, and has written these steps' ends;
    their counters are what is added here, together with its own *deltas*. Steps that
    the caller knows to be *ready* are released with the others. In a run with
    ``fail_fast`` a step that fails or is canceled by itself ends everything else.

    Raises:
        QueryError: ``db.query_failed``, transient, when a job that is to be canceled
            is not to be had in time.
    """
    changes: defaultdict[UUID, RunDelta] = defaultdict(RunDelta, deltas or {})
    for run_id, delta in _deltas_of_ends(ended):
        changes[run_id] += delta
    stopped = yield from _stop_at_faults(ended)
    for run_id, delta in stopped.items():
        changes[run_id] += delta
    told = [step for step in ended if step.run_id not in stopped]
    level = yield from advance_steps(
        succeeded=[step.step_id for step in told if step.status is _SUCCEEDED],
        unsuccessful=[step.step_id for step in told if step.status is not _SUCCEEDED],
        ready=ready,
    )
    while level:
        for row in level:
            changes[row["workflow_run_id"]] += RunDelta(
                ended=len(row["canceled_ids"]),
                unsuccessful=len(row["canceled_ids"]),
                enqueued=row["enqueued_count"],
                waiting=row["waiting_count"],
            )
        canceled = [step_id for row in level for step_id in row["canceled_ids"]]
        level = yield from advance_steps(unsuccessful=canceled)
    yield from update_runs(changes)


def _deltas_of_ends(ended: Sequence[EndedStep]) -> Iterator[tuple[UUID, RunDelta]]:
    """Say what these ends change in the counters of their runs."""
    alike = Counter((step.run_id, step.status, step.previous) for step in ended)
    for (run_id, status, previous), count in alike.items():
        yield (
            run_id,
            RunDelta(
                ended=count,
                unsuccessful=0 if status is _SUCCEEDED else count,
                enqueued=-count if previous is _ENQUEUED else 0,
                waiting=-count if previous is _WAITING else 0,
            ),
        )


def _stop_at_faults(ended: Sequence[EndedStep]) -> Steps[dict[UUID, RunDelta]]:
    """Cancel the rest of the runs that go no further than their first fault."""
    faults = [step.step_id for step in ended if step.is_fault]
    if not faults:
        return {}
    stopping = yield from rows(FIND_STOPPING_RUNS, step_ids=faults)
    if not stopping:
        return {}
    reasons = {
        row["run_id"]: fail_fast_reason(row["step_key"], row["status"])
        for row in stopping
    }
    nothing = dict.fromkeys(reasons, RunDelta())
    return nothing | (yield from stop_runs(reasons, code=FAIL_FAST))


def fail_fast_reason(step_key: str, status: str) -> str:
    """Say which step stopped a run, as ``update_runs`` says it of the run itself."""
    ending = "failed" if status == WorkflowStepStatus.FAILED else "was canceled"
    return f'fail_fast: step "{step_key}" {ending}'
