"""Workflow run requests: one that exists is valid."""

from uuid import UUID

import attrs
import pytest

from runledger_core import ValidationError
from runledger_core.workflows import (
    WorkflowDagError,
    WorkflowRunEnqueue,
    WorkflowRunEnqueueBuilder,
    WorkflowStep,
    validate_workflow_run_enqueue,
)

STEPS = [WorkflowStep("a", "t"), WorkflowStep.external("gate")]


def codes(error):
    return [fault.code for fault in error.value.faults]


def test_what_is_left_out_of_a_run_has_its_default():
    run = WorkflowRunEnqueue("survey", STEPS)

    assert run.steps == tuple(STEPS)
    assert run.metadata == {}
    assert run.organization_id is None
    assert run.idempotency_key is None
    assert run.result_step_key is None
    assert run.fail_fast is False


def test_a_run_that_exists_passes_its_validation():
    run = WorkflowRunEnqueue("survey", STEPS, result_step_key="gate")

    assert validate_workflow_run_enqueue(run) is None


def test_a_run_that_is_varied_is_validated_again():
    run = WorkflowRunEnqueue("survey", STEPS)

    with pytest.raises(WorkflowDagError) as caught:
        attrs.evolve(run, steps=[])

    assert codes(caught) == ["workflow.invalid_dag_empty"]


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"workflow_type": " "}, "workflow.invalid_dag_workflow_type_blank"),
        ({"workflow_type": "a "}, "identifier.padded"),
        ({"steps": []}, "workflow.invalid_dag_empty"),
        ({"idempotency_key": ""}, "workflow.invalid_dag_idempotency_key_blank"),
        ({"idempotency_key": "k" * 513}, "identifier.too_long"),
        ({"result_step_key": ""}, "workflow.invalid_dag_result_step_key_blank"),
        ({"result_step_key": "\0"}, "identifier.invalid_text"),
        ({"result_step_key": "b"}, "workflow.invalid_dag_unknown_result_step"),
    ],
)
def test_a_fault_of_the_run_itself_has_its_code(settings, code):
    with pytest.raises(WorkflowDagError) as caught:
        WorkflowRunEnqueue(**{"workflow_type": "survey", "steps": STEPS} | settings)

    assert codes(caught) == [code]
    assert code == caught.value.code
    assert caught.value.faults[0].step_key is None


def test_the_faults_of_a_run_come_in_the_order_in_which_it_is_read():
    with pytest.raises(WorkflowDagError) as caught:
        WorkflowRunEnqueue(
            "",
            [WorkflowStep("a", "")],
            idempotency_key="\t",
            result_step_key="b",
        )

    assert codes(caught) == [
        "workflow.invalid_dag_idempotency_key_blank",
        "workflow.invalid_dag_workflow_type_blank",
        "workflow.invalid_dag_job_type_blank",
        "workflow.invalid_dag_unknown_result_step",
    ]
    assert caught.value.code == "workflow.invalid_dag"


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"workflow_type": None}, "identifier.invalid_text"),
        ({"steps": ["a"]}, "workflow.invalid_dag"),
        ({"metadata": {"at": object()}}, "workflow.metadata_not_json"),
        ({"organization_id": "org"}, "identifier.invalid_uuid"),
        ({"idempotency_key": 1}, "identifier.invalid_text"),
        ({"result_step_key": 1}, "identifier.invalid_text"),
        ({"fail_fast": "no"}, "workflow.invalid_dag"),
    ],
)
def test_a_setting_of_the_wrong_type_is_refused(settings, code):
    with pytest.raises(ValidationError) as caught:
        WorkflowRunEnqueue(**{"workflow_type": "survey", "steps": STEPS} | settings)

    assert code == caught.value.code
    assert not isinstance(caught.value, WorkflowDagError)


def test_a_run_shows_neither_its_metadata_nor_its_key_nor_all_its_steps():
    run = WorkflowRunEnqueue(
        "survey", STEPS, metadata={"k": "secret"}, idempotency_key="secret"
    )

    assert "secret" not in repr(run)
    assert "<2 steps>" in repr(run)


def test_equal_runs_have_equal_hashes():
    first = WorkflowRunEnqueue("survey", STEPS, metadata={"n": [1]})
    second = WorkflowRunEnqueue("survey", tuple(STEPS), metadata={"n": (1,)})

    assert first == second
    assert hash(first) == hash(second)


def test_the_run_builder_sets_what_it_is_told():
    run = (
        WorkflowRunEnqueueBuilder("survey", {"by": "ada"})
        .organization_id(UUID(int=1))
        .idempotency_key("k")
        .result_step_key("b")
        .fail_fast()
        .step(WorkflowStep("a", "t"))
        .extend_steps([WorkflowStep("b", "t")])
        .build()
    )

    assert run == WorkflowRunEnqueue(
        "survey",
        [WorkflowStep("a", "t"), WorkflowStep("b", "t")],
        metadata={"by": "ada"},
        organization_id=UUID(int=1),
        idempotency_key="k",
        result_step_key="b",
        fail_fast=True,
    )


def test_the_run_builder_takes_settings_back():
    builder = (
        WorkflowRunEnqueueBuilder("survey")
        .organization_id(UUID(int=1))
        .idempotency_key("k")
        .result_step_key("b")
        .fail_fast()
        .step(WorkflowStep("a", "t"))
    )

    run = (
        builder.organization_id(None)
        .idempotency_key(None)
        .result_step_key(None)
        .fail_fast(enabled=False)
        .set_steps(STEPS)
        .build()
    )

    assert run == WorkflowRunEnqueue("survey", STEPS)


def test_the_run_builder_goes_on_after_a_build():
    builder = WorkflowRunEnqueueBuilder("survey").step(WorkflowStep("a", "t"))

    first = builder.build()
    second = builder.step(WorkflowStep("b", "t")).build()

    assert [step.step_key for step in first.steps] == ["a"]
    assert [step.step_key for step in second.steps] == ["a", "b"]


def test_the_run_builder_keeps_metadata_as_it_was():
    metadata = {"names": ["ada"]}

    builder = WorkflowRunEnqueueBuilder("survey", metadata).set_steps(STEPS)
    metadata["names"].append("eve")

    assert builder.build().metadata == {"names": ["ada"]}


def test_the_run_builder_refuses_metadata_that_is_no_json_at_once():
    with pytest.raises(ValidationError) as caught:
        WorkflowRunEnqueueBuilder("survey", {"at": object()})

    assert caught.value.code == "workflow.metadata_not_json"


def test_the_run_builder_reports_every_fault():
    builder = WorkflowRunEnqueueBuilder("").idempotency_key("")

    with pytest.raises(WorkflowDagError) as caught:
        builder.build()

    assert codes(caught) == [
        "workflow.invalid_dag_idempotency_key_blank",
        "workflow.invalid_dag_workflow_type_blank",
        "workflow.invalid_dag_empty",
    ]
