"""Build the steps and the run of a workflow one setting at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from .._statuses import DependencyReleaseMode, WorkflowStepStatus
from ._faults import refuse
from ._run import WorkflowRunEnqueue, check_metadata
from ._spec import (
    EMPTY_OBJECT,
    GateDeadline,
    WorkflowStep,
    WorkflowStepDependencySpec,
    dependencies_on,
)
from ._step_checks import dependency_faults, make_subject, shape_faults

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self
    from uuid import UUID

    from .._json import JsonInput


class WorkflowStepEnqueueBuilder:
    """
    Build one step. Every setter returns the builder, and a later call wins.

    None takes a setting back. Values of a wrong type are refused at once; what is
    wrong with the others is reported by `build`.

    Args:
        step_key: unique within the run.
        job_type: what the step runs; see `external` for gates.
        payload: any JSON value; the default is an empty object.
    """

    def __init__(
        self, step_key: str, job_type: str, payload: JsonInput = EMPTY_OBJECT
    ) -> None:
        self._step = WorkflowStep(step_key, job_type, payload)

    @classmethod
    def external(cls, step_key: str, payload: JsonInput = EMPTY_OBJECT) -> Self:
        """Begin a gate that somebody outside completes."""
        builder = cls.__new__(cls)
        builder._step = WorkflowStep.external(step_key, payload)  # noqa: SLF001 - its own
        return builder

    def organization_id(self, organization_id: UUID | None) -> Self:
        """Set whose job it is; None means the run's."""
        self._step = attrs.evolve(self._step, organization_id=organization_id)
        return self

    def priority(self, priority: int | None) -> Self:
        """Set the priority; higher is claimed first."""
        self._step = attrs.evolve(self._step, priority=priority)
        return self

    def max_attempts(self, max_attempts: int | None) -> Self:
        """Set the attempts before the step has failed."""
        self._step = attrs.evolve(self._step, max_attempts=max_attempts)
        return self

    def timeout_seconds(self, timeout_seconds: int | None) -> Self:
        """Set how long one attempt may take."""
        self._step = attrs.evolve(self._step, timeout_seconds=timeout_seconds)
        return self

    def stage(self, stage: str | None) -> Self:
        """Set the job's first stage."""
        self._step = attrs.evolve(self._step, stage=stage)
        return self

    def deadline(
        self,
        seconds: int | None,
        *,
        outcome: WorkflowStepStatus = WorkflowStepStatus.FAILED,
    ) -> Self:
        """Set how long the gate stays open and how it ends by itself."""
        deadline = None if seconds is None else GateDeadline(seconds, outcome)
        self._step = attrs.evolve(self._step, deadline=deadline)
        return self

    def dependency(
        self,
        prerequisite_step_key: str,
        *,
        release_mode: DependencyReleaseMode | None = None,
    ) -> Self:
        """Add one prerequisite; without a mode it has to end, no matter how."""
        return self._depend(prerequisite_step_key, release_mode)

    def depends_on_success(self, step_keys: str | Iterable[str]) -> Self:
        """Add prerequisites that have to succeed."""
        return self._depend(step_keys, DependencyReleaseMode.ON_SUCCESS)

    def depends_on_terminal(self, step_keys: str | Iterable[str]) -> Self:
        """Add prerequisites that have to end, no matter how."""
        return self._depend(step_keys, DependencyReleaseMode.ON_TERMINAL)

    def set_dependencies(
        self, dependencies: Iterable[WorkflowStepDependencySpec]
    ) -> Self:
        """Replace all prerequisites."""
        self._step = attrs.evolve(self._step, dependencies=dependencies)
        return self

    def inputs(self, step_keys: str | Iterable[str]) -> Self:
        """Replace the prerequisites whose outputs the handler gets."""
        self._step = attrs.evolve(self._step, inputs=step_keys)
        return self

    def build(self) -> WorkflowStep:
        """
        Return the step.

        Which other steps there are is only known to the run, so missing prerequisites
        and inputs that are none are found there.

        Raises:
            WorkflowDagError: with everything that is wrong with the step alone.
        """
        subject = make_subject(self._step, 1)
        refuse([*shape_faults(subject), *dependency_faults(subject, is_known=None)])
        return self._step

    def _depend(
        self, keys: str | Iterable[str], release_mode: DependencyReleaseMode | None
    ) -> Self:
        added = dependencies_on(keys, release_mode)
        dependencies = (*self._step.dependencies, *added)
        self._step = attrs.evolve(self._step, dependencies=dependencies)
        return self


class WorkflowRunEnqueueBuilder:
    """
    Build one run. Every setter returns the builder, and a later call wins.

    None takes a setting back. Everything is checked by `build`, but for what is no
    JSON, which is refused at once.

    Args:
        workflow_type: what kind of workflow it is.
        metadata: any JSON value; the default is an empty object.
    """

    def __init__(self, workflow_type: str, metadata: JsonInput = EMPTY_OBJECT) -> None:
        self._workflow_type = workflow_type
        self._metadata = check_metadata(metadata)
        self._steps: list[WorkflowStep] = []
        self._organization_id: UUID | None = None
        self._idempotency_key: str | None = None
        self._result_step_key: str | None = None
        self._fail_fast = False

    def organization_id(self, organization_id: UUID | None) -> Self:
        """Set whose run it is; None makes it global."""
        self._organization_id = organization_id
        return self

    def idempotency_key(self, idempotency_key: str | None) -> Self:
        """Set the key under which a repeat finds the run."""
        self._idempotency_key = idempotency_key
        return self

    def result_step_key(self, step_key: str | None) -> Self:
        """Name the step whose output becomes the run's result."""
        self._result_step_key = step_key
        return self

    def fail_fast(self, *, enabled: bool = True) -> Self:
        """Cancel what is left of the run as soon as a step has failed."""
        self._fail_fast = enabled
        return self

    def step(self, step: WorkflowStep) -> Self:
        """Add a step."""
        self._steps.append(step)
        return self

    def set_steps(self, steps: Iterable[WorkflowStep]) -> Self:
        """Replace all steps."""
        self._steps = list(steps)
        return self

    def extend_steps(self, steps: Iterable[WorkflowStep]) -> Self:
        """Add steps."""
        self._steps.extend(steps)
        return self

    def build(self) -> WorkflowRunEnqueue:
        """
        Return the request; the builder can go on.

        Raises:
            WorkflowDagError: with every fault.
            ValidationError: as in `WorkflowRunEnqueue`.
        """
        return WorkflowRunEnqueue(
            self._workflow_type,
            self._steps,
            metadata=self._metadata,
            organization_id=self._organization_id,
            idempotency_key=self._idempotency_key,
            result_step_key=self._result_step_key,
            fail_fast=self._fail_fast,
        )
