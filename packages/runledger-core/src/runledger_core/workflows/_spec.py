"""Describe the steps of a workflow and what they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID  # noqa: TC003 - cattrs resolves the hints of attrs classes

import attrs

from .._identifiers import check_uuid
from .._json import JsonInput, JsonValue, check_json
from .._statuses import (
    DependencyReleaseMode,
    JobStage,
    StepExecutionKind,
    WorkflowStepStatus,
)
from ..errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum

_Label = TypeVar("_Label", bound="StrEnum")

_DEADLINE_CODE = "workflow.invalid_dag_external_step_deadline_invalid"

# The default where a signature needs one; it is always copied, never handed on.
EMPTY_OBJECT: Final[dict[str, Any]] = {}


def plain_text(value: object, field: str) -> str:
    """Return a str of no subclass, without judging what it says."""
    if not isinstance(value, str):
        detail = f"{field} is of type {type(value).__name__}"
        raise ValidationError("identifier.invalid_text", detail)
    return str.__str__(value)


def step_keys(value: str | Iterable[str], field: str) -> tuple[str, ...]:
    """Return keys as plain texts; a single text is one key, not its letters."""
    keys = (value,) if isinstance(value, str) else value
    return tuple(plain_text(key, field) for key in keys)


def _plain_number(value: object, code: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValidationError(code, f"it is of type {type(value).__name__}")
    return int(value)


def _label(labels: type[_Label], value: str) -> _Label:
    try:
        return labels(value)
    except ValueError:
        detail = f"one of its labels is no {labels.__name__}"
        raise ValidationError("workflow.invalid_dag", detail) from None


def _step_key(value: str) -> str:
    return plain_text(value, "step_key")


def _job_type(value: str | None) -> str | None:
    return None if value is None else plain_text(value, "job_type")


def _stage(value: str | None) -> str | None:
    return None if value is None else plain_text(value, "stage")


def _payload(value: JsonInput) -> JsonValue:
    return check_json(value, "job.payload_not_json")


def _organization_id(value: UUID | None) -> UUID | None:
    return None if value is None else check_uuid(value, "organization_id")


def _priority(value: int | None) -> int | None:
    return _plain_number(value, "job.invalid_priority")


def _max_attempts(value: int | None) -> int | None:
    return _plain_number(value, "job.invalid_max_attempts")


def _timeout_seconds(value: int | None) -> int | None:
    return _plain_number(value, "job.invalid_timeout")


def _seconds(value: int) -> int:
    number = _plain_number(value, _DEADLINE_CODE)
    if number is None:
        raise ValidationError(_DEADLINE_CODE, "it is of type NoneType")
    return number


def _outcome(value: WorkflowStepStatus) -> WorkflowStepStatus:
    return _label(WorkflowStepStatus, value)


def _execution_kind(value: StepExecutionKind) -> StepExecutionKind:
    return _label(StepExecutionKind, value)


def _release_mode(value: DependencyReleaseMode | None) -> DependencyReleaseMode:
    if value is None:
        return DependencyReleaseMode.ON_TERMINAL
    return _label(DependencyReleaseMode, value)


def _inputs(value: str | Iterable[str]) -> tuple[str, ...]:
    return step_keys(value, "an input")


@attrs.frozen
class WorkflowStepDependencySpec:
    """
    Name a step that has to end first.

    Args:
        prerequisite_step_key: the step that is waited for.
        release_mode: what that step has to come to; None means ``ON_TERMINAL``.
    """

    prerequisite_step_key: str = attrs.field(converter=_step_key)
    release_mode: DependencyReleaseMode = attrs.field(
        default=DependencyReleaseMode.ON_TERMINAL, converter=_release_mode
    )


def dependencies_on(
    keys: str | Iterable[str], release_mode: DependencyReleaseMode | None
) -> tuple[WorkflowStepDependencySpec, ...]:
    """Return a dependency on each of the keys."""
    return tuple(
        WorkflowStepDependencySpec(key, release_mode)
        for key in step_keys(keys, "a prerequisite")
    )


def _dependencies(
    value: Iterable[WorkflowStepDependencySpec],
) -> tuple[WorkflowStepDependencySpec, ...]:
    dependencies = tuple(value)
    for each in dependencies:
        if not isinstance(each, WorkflowStepDependencySpec):
            detail = f"a dependency is of type {type(each).__name__}"
            raise ValidationError("workflow.invalid_dag", detail)
    return dependencies


@attrs.frozen
class GateDeadline:
    """
    Say how long an external gate stays open, and how it ends by itself.

    Args:
        seconds: counted from the moment at which the gate opens.
        outcome: ``SUCCEEDED``, ``FAILED`` or ``CANCELED``. A gate that succeeds by
            its deadline has no output.
    """

    seconds: int = attrs.field(converter=_seconds)
    outcome: WorkflowStepStatus = attrs.field(
        default=WorkflowStepStatus.FAILED, converter=_outcome
    )


def _deadline(value: GateDeadline | None) -> GateDeadline | None:
    if value is not None and not isinstance(value, GateDeadline):
        detail = f"it is of type {type(value).__name__}"
        raise ValidationError(_DEADLINE_CODE, detail)
    return value


@attrs.frozen
class WorkflowStep:
    """
    Describe one step of a workflow: a job, or a gate that somebody outside completes.

    Types are checked at once and the payload is copied. What the values say is judged
    together with the rest of the workflow, so that every fault is found at once: by
    `WorkflowRunEnqueue` and the ``validate_*`` functions.

    Args:
        step_key: unique within the run.
        job_type: what a job step runs; an enabled definition must exist when the step
            is enqueued. A gate has none.
        payload: any JSON value; the default is an empty object.
        execution_kind: who carries the step out; see also `WorkflowStep.external`.
        organization_id: whose job it is; None means the run's.
        priority: as in `JobEnqueue`; like the next three, None leaves it to the
            definition, and a gate has none.
        max_attempts: attempts of the job before the step has failed.
        timeout_seconds: how long one attempt may take.
        stage: the job's first stage; None means ``queued``.
        dependencies: the steps that have to end first.
        inputs: those of them whose outputs the handler gets with the payload. A
            prerequisite that ended without an output gives none.
        deadline: for gates only; None keeps the gate open until it is completed.

    Raises:
        ValidationError: ``identifier.invalid_text``, ``identifier.invalid_uuid``,
            ``job.payload_not_json``, ``job.invalid_priority``,
            ``job.invalid_max_attempts``, ``job.invalid_timeout`` or
            ``workflow.invalid_dag`` for a value of the wrong type.
    """

    step_key: str = attrs.field(converter=_step_key)
    job_type: str | None = attrs.field(default=None, converter=_job_type)
    # Payloads stay out of reprs, since reprs end in logs.
    payload: JsonValue = attrs.field(
        factory=dict, converter=_payload, repr=False, hash=False
    )
    execution_kind: StepExecutionKind = attrs.field(
        default=StepExecutionKind.JOB, converter=_execution_kind, kw_only=True
    )
    organization_id: UUID | None = attrs.field(
        default=None, converter=_organization_id, kw_only=True
    )
    priority: int | None = attrs.field(default=None, converter=_priority, kw_only=True)
    max_attempts: int | None = attrs.field(
        default=None, converter=_max_attempts, kw_only=True
    )
    timeout_seconds: int | None = attrs.field(
        default=None, converter=_timeout_seconds, kw_only=True
    )
    stage: str | None = attrs.field(default=None, converter=_stage, kw_only=True)
    dependencies: tuple[WorkflowStepDependencySpec, ...] = attrs.field(
        default=(), converter=_dependencies, kw_only=True
    )
    inputs: tuple[str, ...] = attrs.field(default=(), converter=_inputs, kw_only=True)
    deadline: GateDeadline | None = attrs.field(
        default=None, converter=_deadline, kw_only=True
    )

    @classmethod
    def external(
        cls,
        step_key: str,
        payload: JsonInput = EMPTY_OBJECT,
        *,
        organization_id: UUID | None = None,
        dependencies: Iterable[WorkflowStepDependencySpec] = (),
        deadline: GateDeadline | None = None,
    ) -> WorkflowStep:
        """Describe a gate that stays open until somebody outside completes it."""
        return cls(
            step_key,
            None,
            payload,
            execution_kind=StepExecutionKind.EXTERNAL,
            organization_id=organization_id,
            dependencies=dependencies,
            deadline=deadline,
        )

    @property
    def is_external(self) -> bool:
        """Whether the step is a gate."""
        return self.execution_kind is StepExecutionKind.EXTERNAL

    @property
    def effective_stage(self) -> str | None:
        """The stage that the step's job will have; None for a gate."""
        if self.is_external:
            return None
        return self.stage or JobStage.QUEUED.value

    def effective_organization_id(
        self, run_organization_id: UUID | None
    ) -> UUID | None:
        """Return whose job the step's job will be in a run of this organization."""
        if self.organization_id is None:
            return run_organization_id
        return self.organization_id


def plain_steps(steps: Iterable[WorkflowStep]) -> tuple[WorkflowStep, ...]:
    """Return steps as a tuple, and refuse what is no step."""
    checked = tuple(steps)
    for each in checked:
        if not isinstance(each, WorkflowStep):
            detail = f"a step is of type {type(each).__name__}"
            raise ValidationError("workflow.invalid_dag", detail)
    return checked
