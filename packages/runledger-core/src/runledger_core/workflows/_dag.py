"""Write a workflow down in one chain of calls, by the names of its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from .._statuses import DependencyReleaseMode, WorkflowStepStatus
from ._builders import WorkflowRunEnqueueBuilder
from ._faults import WorkflowFault, refuse, shown, some
from ._spec import (
    EMPTY_OBJECT,
    GateDeadline,
    WorkflowStep,
    WorkflowStepDependencySpec,
    dependencies_on,
    plain_steps,
    plain_text,
    step_keys,
)
from ._step_checks import identifier_fault, job_type_fault, make_subject

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self
    from uuid import UUID

    from .._json import JsonInput
    from ._run import WorkflowRunEnqueue


class WorkflowDagBuilder:
    """
    Build a workflow run in one chain of calls.

    What can only be a slip of the pen is refused by the call that has it: a value of a
    wrong type, a bad or repeated step key, a bad job type, a bad prerequisite, edges
    into a step that is not there yet, a bad result key. Such a call changes nothing.
    Everything else is reported by `build`, all at once. So a prerequisite may be added
    after the edge that names it, but the step that the edge leads to may not.

    Args:
        workflow_type: what kind of workflow it is.
        metadata: any JSON value; the default is an empty object.
    """

    def __init__(self, workflow_type: str, metadata: JsonInput = EMPTY_OBJECT) -> None:
        self._run = WorkflowRunEnqueueBuilder(workflow_type, metadata)
        self._steps: dict[str, WorkflowStep] = {}
        self._added: dict[str, list[WorkflowStepDependencySpec]] = {}

    def job(
        self,
        step_key: str,
        job_type: str,
        payload: JsonInput = EMPTY_OBJECT,
        *,
        organization_id: UUID | None = None,
        priority: int | None = None,
        max_attempts: int | None = None,
        timeout_seconds: int | None = None,
        stage: str | None = None,
        inputs: str | Iterable[str] = (),
    ) -> Self:
        """
        Add a step that a worker carries out; see `WorkflowStep` for the settings.

        Raises:
            WorkflowDagError: ``workflow.invalid_dag_step_key_blank``,
                ``workflow.invalid_dag_job_type_blank``,
                ``workflow.invalid_dag_duplicate_step_key``, ``identifier.*``.
            ValidationError: as in `WorkflowStep`.
        """
        return self.step(
            WorkflowStep(
                step_key,
                job_type,
                payload,
                organization_id=organization_id,
                priority=priority,
                max_attempts=max_attempts,
                timeout_seconds=timeout_seconds,
                stage=stage,
                inputs=inputs,
            )
        )

    def external(
        self,
        step_key: str,
        payload: JsonInput = EMPTY_OBJECT,
        *,
        organization_id: UUID | None = None,
        deadline_seconds: int | None = None,
        deadline_outcome: WorkflowStepStatus = WorkflowStepStatus.FAILED,
    ) -> Self:
        """
        Add a gate that somebody outside completes.

        Args:
            step_key: unique within the run.
            payload: any JSON value, for whoever completes the gate.
            organization_id: whose gate it is; None means the run's.
            deadline_seconds: how long it stays open; None means for ever.
            deadline_outcome: how it ends by itself; without a deadline it says nothing.

        Raises:
            WorkflowDagError: as in `job`.
            ValidationError: as in `WorkflowStep`.
        """
        deadline = None
        if deadline_seconds is not None:
            deadline = GateDeadline(deadline_seconds, deadline_outcome)
        return self.step(
            WorkflowStep.external(
                step_key, payload, organization_id=organization_id, deadline=deadline
            )
        )

    def step(self, step: WorkflowStep) -> Self:
        """
        Add a step that is described already, with the dependencies that it has.

        Raises:
            WorkflowDagError: as in `job`.
        """
        (step,) = plain_steps([step])
        subject = make_subject(step, len(self._steps) + 1)
        faults = [*some(subject.key_fault)]
        if not step.is_external:
            faults += some(job_type_fault(subject))
        if step.step_key in self._steps:
            faults.append(subject.fault("workflow.invalid_dag_duplicate_step_key"))
        refuse(faults)
        self._steps[step.step_key] = step
        return self

    def after_success(self, step_key: str, prerequisites: str | Iterable[str]) -> Self:
        """
        Let a step wait until others have succeeded; if one does not, it is canceled.

        Args:
            step_key: a step that has been added.
            prerequisites: one key or several; these steps may be added later.

        Raises:
            WorkflowDagError: ``workflow.invalid_dag_step_key_blank``,
                ``workflow.invalid_dag_unknown_step_key``,
                ``workflow.invalid_dag_dependency_step_key_blank``, ``identifier.*``.
        """
        mode = DependencyReleaseMode.ON_SUCCESS
        return self._after(step_key, prerequisites, mode)

    def after_terminal(self, step_key: str, prerequisites: str | Iterable[str]) -> Self:
        """
        Let a step wait until others have ended, no matter how.

        Raises:
            WorkflowDagError: as in `after_success`.
        """
        mode = DependencyReleaseMode.ON_TERMINAL
        return self._after(step_key, prerequisites, mode)

    def organization_id(self, organization_id: UUID | None) -> Self:
        """Set whose run it is; None makes it global."""
        self._run.organization_id(organization_id)
        return self

    def idempotency_key(self, idempotency_key: str | None) -> Self:
        """Set the key under which a repeat finds the run."""
        self._run.idempotency_key(idempotency_key)
        return self

    def result_step(self, step_key: str | None) -> Self:
        """
        Name the step whose output becomes the run's result.

        Raises:
            WorkflowDagError: ``workflow.invalid_dag_result_step_key_blank``,
                ``identifier.*``.
        """
        if step_key is not None:
            fault = identifier_fault(
                plain_text(step_key, "result_step_key"),
                "result_step_key",
                blank_code="workflow.invalid_dag_result_step_key_blank",
            )
            refuse(some(fault))
        self._run.result_step_key(step_key)
        return self

    def fail_fast(self, *, enabled: bool = True) -> Self:
        """Cancel what is left of the run as soon as a step has failed."""
        self._run.fail_fast(enabled=enabled)
        return self

    def build(self) -> WorkflowRunEnqueue:
        """
        Return the request; the builder can go on.

        Raises:
            WorkflowDagError: with every fault.
            ValidationError: as in `WorkflowRunEnqueue`.
        """
        return self._run.set_steps(map(self._complete, self._steps.values())).build()

    def _after(
        self,
        step_key: str,
        prerequisites: str | Iterable[str],
        release_mode: DependencyReleaseMode,
    ) -> Self:
        step_key = plain_text(step_key, "step_key")
        keys = step_keys(prerequisites, "a prerequisite")
        faults = [*some(self._target_fault(step_key))]
        for key in keys:
            faults += some(_prerequisite_fault(key))
        refuse(faults)
        added = self._added.setdefault(step_key, [])
        added.extend(dependencies_on(keys, release_mode))
        return self

    def _target_fault(self, step_key: str) -> WorkflowFault | None:
        fault = identifier_fault(
            step_key, "step_key", blank_code="workflow.invalid_dag_step_key_blank"
        )
        if fault is not None or step_key in self._steps:
            return fault
        return WorkflowFault(
            "workflow.invalid_dag_unknown_step_key", step_key, shown(step_key)
        )

    def _complete(self, step: WorkflowStep) -> WorkflowStep:
        """Return the step with the dependencies that were added to it later."""
        added = self._added.get(step.step_key)
        if not added:
            return step
        return attrs.evolve(step, dependencies=(*step.dependencies, *added))


def _prerequisite_fault(key: str) -> WorkflowFault | None:
    return identifier_fault(
        key,
        "a prerequisite",
        blank_code="workflow.invalid_dag_dependency_step_key_blank",
    )
