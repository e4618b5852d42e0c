"""Workflow steps: typed at once, unchangeable, judged together with their run."""

from enum import StrEnum
from uuid import UUID

import attrs
import pytest

from runledger_core import (
    DependencyReleaseMode,
    StepExecutionKind,
    ValidationError,
    WorkflowStepStatus,
)
from runledger_core.workflows import (
    GateDeadline,
    WorkflowStep,
    WorkflowStepDependencySpec,
)


class Step(StrEnum):
    LIST = "list"


def test_a_step_is_a_job_unless_it_is_a_gate():
    assert WorkflowStep("list", "survey.list").execution_kind is StepExecutionKind.JOB
    assert not WorkflowStep("list", "survey.list").is_external
    assert WorkflowStep.external("approve").is_external


def test_what_is_left_out_of_a_step_is_left_to_the_definition():
    step = WorkflowStep("list", "survey.list")

    assert step.payload == {}
    assert step.organization_id is None
    assert step.priority is None
    assert step.max_attempts is None
    assert step.timeout_seconds is None
    assert step.stage is None
    assert step.dependencies == ()
    assert step.inputs == ()
    assert step.deadline is None


def test_the_stage_of_a_job_is_queued_unless_named_and_a_gate_has_none():
    assert WorkflowStep("a", "t").effective_stage == "queued"
    assert WorkflowStep("a", "t", stage="warm").effective_stage == "warm"
    assert WorkflowStep.external("a").effective_stage is None


def test_a_step_belongs_to_the_run_s_organization_unless_it_has_its_own():
    run, own = UUID(int=1), UUID(int=2)

    assert WorkflowStep("a", "t").effective_organization_id(run) == run
    assert WorkflowStep("a", "t").effective_organization_id(None) is None
    step = WorkflowStep("a", "t", organization_id=own)
    assert step.effective_organization_id(run) == own


def test_changing_a_payload_afterwards_does_not_change_the_step():
    payload = {"names": ["ada"]}

    step = WorkflowStep("a", "t", payload)
    gate = WorkflowStep.external("b", payload)
    payload["names"].append("eve")

    assert step.payload == gate.payload == {"names": ["ada"]}


def test_two_steps_do_not_share_their_default_payload():
    assert WorkflowStep("a", "t").payload is not WorkflowStep("b", "t").payload
    first, second = WorkflowStep.external("a"), WorkflowStep.external("b")
    assert first.payload is not second.payload


def test_texts_are_kept_as_plain_texts():
    step = WorkflowStep(Step.LIST, Step.LIST, stage=Step.LIST, inputs=[Step.LIST])

    for text in (step.step_key, step.job_type, step.stage, *step.inputs):
        assert type(text) is str
        assert text == "list"


def test_a_single_input_is_one_key_and_not_its_letters():
    assert WorkflowStep("a", "t", inputs="list").inputs == ("list",)


def test_a_dependency_waits_for_any_end_unless_told_otherwise():
    unspecified = WorkflowStepDependencySpec("list", None)

    assert WorkflowStepDependencySpec("list") == unspecified
    assert unspecified.release_mode is DependencyReleaseMode.ON_TERMINAL


def test_labels_may_be_given_as_texts():
    dependency = WorkflowStepDependencySpec("list", "ON_SUCCESS")

    assert dependency.release_mode is DependencyReleaseMode.ON_SUCCESS
    assert GateDeadline(1, "CANCELED").outcome is WorkflowStepStatus.CANCELED


def test_a_gate_fails_at_its_deadline_unless_told_otherwise():
    assert GateDeadline(60).outcome is WorkflowStepStatus.FAILED


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("step_key", None, "identifier.invalid_text"),
        ("step_key", 7, "identifier.invalid_text"),
        ("job_type", b"list", "identifier.invalid_text"),
        ("payload", {1: 2}, "job.payload_not_json"),
        ("organization_id", "org", "identifier.invalid_uuid"),
        ("priority", "high", "job.invalid_priority"),
        ("max_attempts", True, "job.invalid_max_attempts"),
        ("timeout_seconds", 1.5, "job.invalid_timeout"),
        ("stage", 1, "identifier.invalid_text"),
        ("execution_kind", "BOTH", "workflow.invalid_dag"),
        ("dependencies", ["list"], "workflow.invalid_dag"),
        ("inputs", [None], "identifier.invalid_text"),
        ("deadline", 60, "workflow.invalid_dag_external_step_deadline_invalid"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_at_once(field, value, code):
    values = {"step_key": "a", "job_type": "t"} | {field: value}

    with pytest.raises(ValidationError) as caught:
        WorkflowStep(**values)

    assert code == caught.value.code


@pytest.mark.parametrize("seconds", [None, 1.5, True, "60"])
def test_a_deadline_that_is_no_number_of_seconds_is_refused_at_once(seconds):
    with pytest.raises(ValidationError) as caught:
        GateDeadline(seconds)

    code = "workflow.invalid_dag_external_step_deadline_invalid"
    assert code == caught.value.code


def test_a_deadline_with_an_unknown_outcome_is_refused_at_once():
    with pytest.raises(ValidationError) as caught:
        GateDeadline(1, "PERHAPS")

    assert caught.value.code == "workflow.invalid_dag"


def test_a_step_does_not_show_its_payload():
    assert "secret" not in repr(WorkflowStep("a", "t", {"k": "secret"}))


def test_steps_cannot_be_changed_but_varied():
    step = WorkflowStep("a", "t", [1], priority=1)

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        step.priority = 2

    assert attrs.evolve(step, priority=2).payload == [1]
    assert step == WorkflowStep("a", "t", [1], priority=1)
    assert hash(step) == hash(WorkflowStep("a", "t", (1,), priority=1))
