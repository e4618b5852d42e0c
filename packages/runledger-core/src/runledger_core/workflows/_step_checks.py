"""Find what is wrong with one step of a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from .._identifiers import check_identifier
from .._numbers import MAX_INT32, MIN_INT32
from ..errors import ValidationError
from ._faults import WorkflowFault, shown, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._spec import WorkflowStep

_QUEUE_SETTINGS = ("priority", "max_attempts", "timeout_seconds", "stage")
_COUNTED_SETTINGS = (
    (
        "max_attempts",
        "workflow.invalid_dag_step_max_attempts_non_positive",
        "job.invalid_max_attempts",
    ),
    (
        "timeout_seconds",
        "workflow.invalid_dag_step_timeout_seconds_non_positive",
        "job.invalid_timeout",
    ),
)


def identifier_fault(
    value: str, field: str, *, blank_code: str, step_key: str | None = None
) -> WorkflowFault | None:
    """Return what is wrong with an identifier, without showing it; None if nothing."""
    try:
        check_identifier(value, field)
    except ValidationError as error:
        code = blank_code if error.code == "identifier.blank" else error.code
        return WorkflowFault(code, step_key, str(error.args[1]))
    return None


@attrs.frozen
class Subject:
    """Keep a step with the name that faults give it: its key, or else its number."""

    step: WorkflowStep
    name: str
    key_fault: WorkflowFault | None

    @property
    def step_key(self) -> str | None:
        """The step's key, if it can be shown."""
        return self.step.step_key if self.key_fault is None else None

    def fault(self, code: str, detail: str | None = None) -> WorkflowFault:
        """Return a fault of this step."""
        return WorkflowFault(code, self.step_key, detail or self.name)


def make_subject(step: WorkflowStep, number: int) -> Subject:
    """Check the step's key and name the step; numbers start with 1."""
    key_fault = identifier_fault(
        step.step_key,
        f"the key of step number {number}",
        blank_code="workflow.invalid_dag_step_key_blank",
    )
    if key_fault is None:
        return Subject(step, f"step {shown(step.step_key)}", None)
    return Subject(step, f"step number {number}", key_fault)


def job_type_fault(subject: Subject) -> WorkflowFault | None:
    """Return what is wrong with the type of a job step."""
    return identifier_fault(
        subject.step.job_type or "",
        f"job_type of {subject.name}",
        blank_code="workflow.invalid_dag_job_type_blank",
        step_key=subject.step_key,
    )


def shape_faults(subject: Subject) -> Iterator[WorkflowFault]:
    """Find what is wrong with a step alone, whatever the others are."""
    yield from some(subject.key_fault)
    if subject.step.is_external:
        yield from _gate_faults(subject)
    else:
        yield from _job_faults(subject)


def _job_faults(subject: Subject) -> Iterator[WorkflowFault]:
    step = subject.step
    yield from some(job_type_fault(subject))
    if step.priority is not None and not MIN_INT32 <= step.priority <= MAX_INT32:
        yield subject.fault("job.invalid_priority")
    for setting, non_positive, too_large in _COUNTED_SETTINGS:
        value = getattr(step, setting)
        if value is not None and value <= 0:
            yield subject.fault(non_positive)
        elif value is not None and value > MAX_INT32:
            yield subject.fault(too_large)
    if step.stage is not None:
        yield from some(
            identifier_fault(
                step.stage,
                f"stage of {subject.name}",
                blank_code="identifier.blank",
                step_key=subject.step_key,
            )
        )
    if step.deadline is not None:
        yield subject.fault("workflow.invalid_dag_job_step_deadline_not_allowed")


def _gate_faults(subject: Subject) -> Iterator[WorkflowFault]:
    step = subject.step
    if step.job_type is not None:
        yield subject.fault("workflow.invalid_dag_external_step_job_type_not_allowed")
    given = [name for name in _QUEUE_SETTINGS if getattr(step, name) is not None]
    if given:
        yield subject.fault(
            "workflow.invalid_dag_external_step_queue_settings_not_allowed",
            f"{subject.name} has {', '.join(given)}",
        )
    if step.inputs:
        yield subject.fault("workflow.invalid_dag_external_step_inputs_not_allowed")
    deadline = step.deadline
    if deadline is None:
        return
    if not 1 <= deadline.seconds <= MAX_INT32 or not deadline.outcome.is_terminal:
        yield subject.fault("workflow.invalid_dag_external_step_deadline_invalid")


def dependency_faults(
    subject: Subject, *, is_known: Callable[[str], bool] | None
) -> Iterator[WorkflowFault]:
    """
    Find what is wrong with what a step waits for: one fault a dependency at most.

    *is_known* tells whether a key is that of a step, so also that it is a proper key;
    None leaves open which steps there are.
    """
    seen: set[str] = set()
    for number, dependency in enumerate(subject.step.dependencies, start=1):
        key = dependency.prerequisite_step_key
        fault = None
        if key == subject.step_key:
            fault = subject.fault("workflow.invalid_dag_self_dependency")
        elif key in seen:
            fault = subject.fault(
                "workflow.invalid_dag_duplicate_dependency",
                f"{subject.name} names {_safely_shown(key)} again",
            )
        elif is_known is None or not is_known(key):
            fault = _unknown_fault(subject, key, number, may_exist=is_known is None)
        seen.add(key)
        if fault is not None:
            yield fault


def input_faults(subject: Subject) -> Iterator[WorkflowFault]:
    """Find the outputs that a job step wants but cannot get."""
    if not subject.step.inputs or subject.step.is_external:
        return
    prerequisites = {
        dependency.prerequisite_step_key for dependency in subject.step.dependencies
    }
    seen: set[str] = set()
    for key in subject.step.inputs:
        if key in seen:
            code = "workflow.invalid_dag_duplicate_input"
            yield subject.fault(code, f"{subject.name} wants {_safely_shown(key)}")
        elif key not in prerequisites:
            code = "workflow.invalid_dag_input_not_prerequisite"
            yield subject.fault(code, f"{subject.name} wants {_safely_shown(key)}")
        seen.add(key)


def _unknown_fault(
    subject: Subject, key: str, number: int, *, may_exist: bool
) -> WorkflowFault | None:
    bad_key = identifier_fault(
        key,
        f"dependency number {number} of {subject.name}",
        blank_code="workflow.invalid_dag_dependency_step_key_blank",
        step_key=subject.step_key,
    )
    if bad_key is not None or may_exist:
        return bad_key
    return subject.fault(
        "workflow.invalid_dag_missing_dependency", f"{subject.name} needs {shown(key)}"
    )


def _safely_shown(key: str) -> str:
    """Show a key of which it is not known whether it is one."""
    bad_key = identifier_fault(key, "", blank_code="identifier.blank")
    return "a bad key" if bad_key is not None else shown(key)
