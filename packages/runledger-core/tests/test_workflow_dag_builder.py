"""The DAG builder: a workflow in one chain of calls, slips refused where they are."""

from uuid import UUID

import pytest

from runledger_core import DependencyReleaseMode, ValidationError, WorkflowStepStatus
from runledger_core.workflows import (
    GateDeadline,
    WorkflowDagBuilder,
    WorkflowDagError,
    WorkflowRunEnqueue,
    WorkflowStep,
    WorkflowStepDependencySpec,
)

ON_SUCCESS = DependencyReleaseMode.ON_SUCCESS
ON_TERMINAL = DependencyReleaseMode.ON_TERMINAL
PREFIX = "workflow.invalid_dag_"


@pytest.fixture
def builder():
    return WorkflowDagBuilder("survey").job("list", "survey.list")


def codes(error):
    return [fault.code for fault in error.value.faults]


def dependencies(run):
    """What each step of the run waits for, by its key."""
    return {
        step.step_key: [
            (each.prerequisite_step_key, each.release_mode)
            for each in step.dependencies
        ]
        for step in run.steps
    }


def test_a_chain_of_calls_makes_the_request_that_the_values_would():
    run = (
        WorkflowDagBuilder("survey", {"by": "ada"})
        .job("list", "survey.list", {"index": "simple"}, max_attempts=3, priority=5)
        .job(
            "report",
            "survey.report",
            organization_id=UUID(int=2),
            timeout_seconds=60,
            stage="warm",
            inputs=["list", "approve"],
        )
        .external(
            "approve",
            {"who": "ada"},
            organization_id=UUID(int=3),
            deadline_seconds=3600,
            deadline_outcome=WorkflowStepStatus.CANCELED,
        )
        .after_success("approve", "list")
        .after_success("report", ["list"])
        .after_terminal("report", ["approve"])
        .organization_id(UUID(int=1))
        .idempotency_key("survey:1")
        .result_step("report")
        .fail_fast()
        .build()
    )

    assert run == WorkflowRunEnqueue(
        "survey",
        [
            WorkflowStep(
                "list", "survey.list", {"index": "simple"}, max_attempts=3, priority=5
            ),
            WorkflowStep(
                "report",
                "survey.report",
                organization_id=UUID(int=2),
                timeout_seconds=60,
                stage="warm",
                dependencies=[
                    WorkflowStepDependencySpec("list", ON_SUCCESS),
                    WorkflowStepDependencySpec("approve", ON_TERMINAL),
                ],
                inputs=["list", "approve"],
            ),
            WorkflowStep.external(
                "approve",
                {"who": "ada"},
                organization_id=UUID(int=3),
                dependencies=[WorkflowStepDependencySpec("list", ON_SUCCESS)],
                deadline=GateDeadline(3600, WorkflowStepStatus.CANCELED),
            ),
        ],
        metadata={"by": "ada"},
        organization_id=UUID(int=1),
        idempotency_key="survey:1",
        result_step_key="report",
        fail_fast=True,
    )


def test_a_gate_without_a_deadline_stays_open():
    run = WorkflowDagBuilder("survey").external("approve").build()

    assert run.steps[0].deadline is None


def test_a_prerequisite_may_be_added_after_the_edge_that_names_it(builder):
    run = builder.after_success("list", ["later"]).job("later", "t").build()

    assert dependencies(run) == {"list": [("later", ON_SUCCESS)], "later": []}


def test_a_built_step_keeps_its_dependencies_and_gets_more(builder):
    step = WorkflowStep(
        "report", "t", dependencies=[WorkflowStepDependencySpec("list")]
    )

    run = builder.step(step).job("b", "t").after_success("report", "b").build()

    assert dependencies(run)["report"] == [("list", ON_TERMINAL), ("b", ON_SUCCESS)]


def test_a_single_prerequisite_is_one_key_and_not_its_letters(builder):
    run = builder.job("b", "t").after_terminal("b", "list").build()

    assert dependencies(run)["b"] == [("list", ON_TERMINAL)]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda b: b.job("", "t"), [f"{PREFIX}step_key_blank"]),
        (lambda b: b.job("a ", "t"), ["identifier.padded"]),
        (lambda b: b.job("a", " "), [f"{PREFIX}job_type_blank"]),
        (lambda b: b.job("a", "j" * 513), ["identifier.too_long"]),
        (lambda b: b.job("list", "t"), [f"{PREFIX}duplicate_step_key"]),
        (
            lambda b: b.job("", ""),
            [f"{PREFIX}step_key_blank", f"{PREFIX}job_type_blank"],
        ),
        (lambda b: b.external(""), [f"{PREFIX}step_key_blank"]),
        (lambda b: b.external("list"), [f"{PREFIX}duplicate_step_key"]),
        (lambda b: b.step(WorkflowStep("list", "t")), [f"{PREFIX}duplicate_step_key"]),
        (lambda b: b.after_success("", ["list"]), [f"{PREFIX}step_key_blank"]),
        (lambda b: b.after_success("x", ["list"]), [f"{PREFIX}unknown_step_key"]),
        (lambda b: b.after_terminal("x", "list"), [f"{PREFIX}unknown_step_key"]),
        (
            lambda b: b.after_success("list", ["a", ""]),
            [f"{PREFIX}dependency_step_key_blank"],
        ),
        (
            lambda b: b.after_terminal("x", ["", " a"]),
            [
                f"{PREFIX}unknown_step_key",
                f"{PREFIX}dependency_step_key_blank",
                "identifier.padded",
            ],
        ),
        (lambda b: b.result_step(" "), [f"{PREFIX}result_step_key_blank"]),
    ],
)
def test_a_slip_is_refused_by_the_call_that_has_it_and_changes_nothing(
    builder, call, expected
):
    before = builder.build()

    with pytest.raises(WorkflowDagError) as caught:
        call(builder)

    assert expected == codes(caught)
    assert before == builder.build()


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda b: b.job("a", "t", {"x": object()}), "job.payload_not_json"),
        (lambda b: b.job("a", None), f"{PREFIX}job_type_blank"),
        (lambda b: b.job("a", "t", priority="high"), "job.invalid_priority"),
        (lambda b: b.external("a", deadline_seconds="1"), None),
        (lambda b: b.step("a"), "workflow.invalid_dag"),
        (lambda b: b.after_success(1, "list"), "identifier.invalid_text"),
        (lambda b: b.after_success("list", [1]), "identifier.invalid_text"),
        (lambda b: b.result_step(1), "identifier.invalid_text"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_call(builder, call, code):
    with pytest.raises(ValidationError) as caught:
        call(builder)

    assert (code or f"{PREFIX}external_step_deadline_invalid") == caught.value.code
    assert [step.step_key for step in builder.build().steps] == ["list"]


def test_a_blank_workflow_type_is_left_to_the_build():
    builder = WorkflowDagBuilder("").job("list", "t")

    with pytest.raises(WorkflowDagError) as caught:
        builder.build()

    assert codes(caught) == [f"{PREFIX}workflow_type_blank"]


def test_everything_else_is_reported_by_the_build_at_once():
    builder = (
        WorkflowDagBuilder("survey")
        .idempotency_key("")
        .result_step("nowhere")
        .job("a", "t", max_attempts=0, inputs="b")
        .job("b", "t", timeout_seconds=0)
        .external("c", deadline_seconds=0)
        .after_success("a", ["a", "c", "nowhere"])
        .after_terminal("a", ["c"])
        .after_success("b", "c")
        .after_success("c", "b")
    )

    with pytest.raises(WorkflowDagError) as caught:
        builder.build()

    assert codes(caught) == [
        f"{PREFIX}idempotency_key_blank",
        f"{PREFIX}step_max_attempts_non_positive",
        f"{PREFIX}step_timeout_seconds_non_positive",
        f"{PREFIX}external_step_deadline_invalid",
        f"{PREFIX}self_dependency",
        f"{PREFIX}missing_dependency",
        f"{PREFIX}duplicate_dependency",
        f"{PREFIX}input_not_prerequisite",
        f"{PREFIX}cycle",
        f"{PREFIX}unknown_result_step",
    ]


def test_an_empty_workflow_is_refused_by_the_build():
    with pytest.raises(WorkflowDagError) as caught:
        WorkflowDagBuilder("survey").build()

    assert codes(caught) == [f"{PREFIX}empty"]


def test_a_refused_build_can_be_mended_and_repeated(builder):
    builder.after_success("list", "later")
    with pytest.raises(WorkflowDagError):
        builder.build()

    first = builder.job("later", "t").build()
    second = builder.build()

    assert first == second
    assert len(first.steps) == 2


def test_settings_of_the_run_can_be_taken_back(builder):
    builder.organization_id(UUID(int=1)).idempotency_key("k").result_step("list")

    run = (
        builder.fail_fast()
        .organization_id(None)
        .idempotency_key(None)
        .result_step(None)
        .fail_fast(enabled=False)
        .build()
    )

    assert run == WorkflowDagBuilder("survey").job("list", "survey.list").build()
