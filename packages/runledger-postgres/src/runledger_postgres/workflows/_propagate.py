"""
Carry the end of steps on to those that wait for them.

Breadth first and set-based: one statement tells the dependents of all steps of a level,
and cancels those of them whose prerequisites cannot be met any more; these are the next
level. Then everything that became ready is released in one statement, and one more
brings the runs' counters up to date. So a batch of completions costs by the depth of
the cancellations that it causes, which is mostly none, and not by its size.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final
from uuid import UUID  # noqa: TC003 - attrs resolves it at run time

import attrs

from runledger_core import CODES, WorkflowStepStatus

from .._statements import statement
from .._steps import rows
from ._release import release_steps
from ._settle_runs import RunDelta, update_runs
from ._stop import stop_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._steps import Steps

SETTLE_DEPENDENTS = statement("workflows/settle_dependents")
FIND_STOPPING_RUNS = statement("workflows/find_stopping_runs")

UNSATISFIED: Final = "workflow.dependency_unsatisfied"
FAIL_FAST: Final = "workflow.fail_fast"

_ENQUEUED: Final = WorkflowStepStatus.ENQUEUED
_WAITING: Final = WorkflowStepStatus.WAITING_FOR_EXTERNAL
_BLOCKED: Final = WorkflowStepStatus.BLOCKED
_SUCCEEDED: Final = WorkflowStepStatus.SUCCEEDED
_CANCELED: Final = WorkflowStepStatus.CANCELED


@attrs.frozen
class EndedStep:
    """A step that has ended, and the state it was in before: never RUNNING."""

    step_id: UUID
    run_id: UUID
    status: WorkflowStepStatus
    previous: WorkflowStepStatus

    @property
    def is_fault(self) -> bool:
        """Whether it ended without success by itself, not because of another step."""
        return self.status is not _SUCCEEDED and self.previous is not _BLOCKED

    @property
    def delta(self) -> RunDelta:
        """What its end changes in the counters of its run."""
        return RunDelta(
            ended=1,
            unsuccessful=int(self.status is not _SUCCEEDED),
            enqueued=-int(self.previous is _ENQUEUED),
            waiting=-int(self.previous is _WAITING),
        )


def propagate(
    ended: Sequence[EndedStep],
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
    for step in ended:
        changes[step.run_id] += step.delta
    stopped = yield from _stop_at_faults(ended)
    for run_id, delta in stopped.items():
        changes[run_id] += delta
    waiting_for_nothing = list(ready)
    level = [step for step in ended if step.run_id not in stopped]
    while level:
        settled = yield from rows(
            SETTLE_DEPENDENTS,
            step_ids=[step.step_id for step in level],
            successes=[step.status is _SUCCEEDED for step in level],
            code=UNSATISFIED,
            message=CODES[UNSATISFIED].problem,
        )
        waiting_for_nothing += [row["id"] for row in settled if not row["is_canceled"]]
        level = [
            EndedStep(row["id"], row["workflow_run_id"], _CANCELED, _BLOCKED)
            for row in settled
            if row["is_canceled"]
        ]
        for step in level:
            changes[step.run_id] += step.delta
    released = yield from release_steps(waiting_for_nothing)
    for run_id, count in released.enqueued.items():
        changes[run_id] += RunDelta(enqueued=count)
    for run_id, count in released.waiting.items():
        changes[run_id] += RunDelta(waiting=count)
    yield from update_runs(changes)


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
