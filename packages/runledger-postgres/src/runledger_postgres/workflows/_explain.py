"""Tell why a step does not run."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

import attrs

from runledger_core import EVERYTHING, WorkflowStepStatus

from .._operation import operation
from .._statements import statement
from .._steps import rows
from ..jobs._explain import explain_job
from ..jobs._explanation import JobExplanation  # noqa: TC001 - attrs resolves it
from ._reads import get_workflow_step
from ._records import WorkflowStepRecord  # noqa: TC001 - attrs resolves it

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from runledger_core import Scope

    from .._steps import Steps

LIST_OPEN_PREREQUISITES = statement("workflows/list_open_prerequisites")

SHOWN_PREREQUISITES: Final = 10


@attrs.frozen
class WorkflowStepExplanation:
    """
    Why a step stands where it stands.

    ``waits_for`` are the keys of the first 10 prerequisites that have not ended;
    ``step.dependency_count_pending`` counts all. ``job`` explains the job of a step
    that was released and has not ended.
    """

    step: WorkflowStepRecord
    waits_for: tuple[str, ...] = ()
    job: JobExplanation | None = None

    @property
    def sentence(self) -> str:
        """All of it in words, for people. Not to be parsed."""
        if self.job is not None:
            return self.job.sentence
        match self.step.status:
            case WorkflowStepStatus.BLOCKED:
                return f"The step waits for {self._prerequisites()}."
            case WorkflowStepStatus.WAITING_FOR_EXTERNAL:
                return f"The gate is open {self._until()}."
            case _:
                return f"The step {self._end()}."

    def _prerequisites(self) -> str:
        step = self.step
        named = ", ".join(repr(key) for key in self.waits_for)
        if step.dependency_count_pending > len(self.waits_for):
            named += " ..."
        text = (
            f"{step.dependency_count_pending} of its {step.dependency_count_total} "
            f"prerequisites: {named}"
        )
        if step.dependency_count_unsatisfied:
            text += "; then it is canceled, since one that had to succeed did not"
        return text

    def _until(self) -> str:
        deadline_at = self.step.deadline_at
        if deadline_at is None:
            return "until somebody completes it"
        return f"until somebody completes it or its deadline at {_worded(deadline_at)}"

    def _end(self) -> str:
        step = self.step
        verb = {"SUCCEEDED": "succeeded", "FAILED": "failed"}.get(
            step.status.value, "was canceled"
        )
        moment = "" if step.finished_at is None else f" at {_worded(step.finished_at)}"
        reason = step.last_error_code or step.status_reason
        is_told = reason is None or step.status is WorkflowStepStatus.SUCCEEDED
        return f"{verb}{moment}{'' if is_told else f' ({reason})'}"


@operation
def explain_workflow_step(
    run_id: UUID, step_key: str, *, scope: Scope
) -> Steps[WorkflowStepExplanation | None]:
    """
    Tell why a step is not running, or how it ended; None when *scope* has no such step.

    The scope is the run's. What it reads is bounded, but for the prerequisites of the
    step. Locks nothing.

    Raises:
        ValidationError: ``identifier.*`` for what cannot be a step's key.
    """
    step = yield from get_workflow_step.steps(run_id, step_key, scope=scope)
    if step is None:
        return None
    if step.status is WorkflowStepStatus.BLOCKED:
        found = yield from rows(
            LIST_OPEN_PREREQUISITES, step_id=step.id, limit=SHOWN_PREREQUISITES
        )
        keys = tuple(row["step_key"] for row in found)
        return WorkflowStepExplanation(step, waits_for=keys)
    if step.job_id is None or step.status.is_terminal:
        return WorkflowStepExplanation(step)
    # The step may have an organization of its own, and its job has that.
    job = yield from explain_job.steps(step.job_id, scope=EVERYTHING)
    return WorkflowStepExplanation(step, job=job)


def _worded(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
