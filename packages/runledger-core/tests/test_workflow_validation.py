"""Validation of workflows: each fault has its code, and none hides another."""

import pytest

from runledger_core import ValidationError, WorkflowStepStatus
from runledger_core.workflows import (
    GateDeadline,
    WorkflowDagError,
    WorkflowStep,
    WorkflowStepDependencySpec,
    validate_workflow_dag,
    validate_workflow_step_append,
)

GATE = "EXTERNAL"


def step(key, *prerequisites, job_type="t", **settings):
    if settings.get("execution_kind") == GATE and job_type == "t":
        job_type = None
    return WorkflowStep(
        key,
        job_type,
        dependencies=[WorkflowStepDependencySpec(each) for each in prerequisites],
        **settings,
    )


def gate(key, *prerequisites, **settings):
    return step(key, *prerequisites, execution_kind=GATE, **settings)


def faults_of(validate, *arguments):
    with pytest.raises(WorkflowDagError) as caught:
        validate(*arguments)
    return [(fault.code, fault.step_key) for fault in caught.value.faults]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([step("a")], id="one job"),
        pytest.param([gate("a")], id="one gate"),
        pytest.param([step("b", "a"), step("a")], id="prerequisite later"),
        pytest.param(
            [step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c")],
            id="diamond",
        ),
        pytest.param(
            [gate("a", deadline=GateDeadline(1)), step("b", "a", inputs=["a"])],
            id="output of a gate",
        ),
        pytest.param(
            [
                step(
                    "k" * 512,
                    job_type="j" * 512,
                    priority=-(2**31),
                    max_attempts=2**31 - 1,
                    timeout_seconds=1,
                    stage="s",
                )
            ],
            id="limits",
        ),
    ],
)
def test_a_valid_workflow_passes(steps):
    assert validate_workflow_dag("survey", steps) is None
    assert validate_workflow_step_append([], steps) is None


BAD_STEPS = [
    (step(""), "workflow.invalid_dag_step_key_blank"),
    (step("\u3000"), "workflow.invalid_dag_step_key_blank"),
    (step("a "), "identifier.padded"),
    (step("k" * 513), "identifier.too_long"),
    (step("a\0"), "identifier.invalid_text"),
    (step("a", job_type=None), "workflow.invalid_dag_job_type_blank"),
    (step("a", job_type=" "), "workflow.invalid_dag_job_type_blank"),
    (step("a", job_type=" j"), "identifier.padded"),
    (step("a", priority=2**31), "job.invalid_priority"),
    (step("a", priority=-(2**31) - 1), "job.invalid_priority"),
    (
        step("a", max_attempts=0),
        "workflow.invalid_dag_step_max_attempts_non_positive",
    ),
    (step("a", max_attempts=2**31), "job.invalid_max_attempts"),
    (
        step("a", timeout_seconds=-1),
        "workflow.invalid_dag_step_timeout_seconds_non_positive",
    ),
    (step("a", timeout_seconds=2**31), "job.invalid_timeout"),
    (step("a", stage=""), "identifier.blank"),
    (
        step("a", deadline=GateDeadline(1)),
        "workflow.invalid_dag_job_step_deadline_not_allowed",
    ),
    (
        gate("a", job_type="j"),
        "workflow.invalid_dag_external_step_job_type_not_allowed",
    ),
    (
        gate("a", inputs=["b"]),
        "workflow.invalid_dag_external_step_inputs_not_allowed",
    ),
    (
        gate("a", deadline=GateDeadline(0)),
        "workflow.invalid_dag_external_step_deadline_invalid",
    ),
    (
        gate("a", deadline=GateDeadline(2**31)),
        "workflow.invalid_dag_external_step_deadline_invalid",
    ),
    (
        gate("a", deadline=GateDeadline(1, WorkflowStepStatus.RUNNING)),
        "workflow.invalid_dag_external_step_deadline_invalid",
    ),
    (step("a", ""), "workflow.invalid_dag_dependency_step_key_blank"),
    (step("a", " b"), "identifier.padded"),
    (step("a", "a"), "workflow.invalid_dag_self_dependency"),
    (step("a", "b"), "workflow.invalid_dag_missing_dependency"),
    (step("a", inputs=["b"]), "workflow.invalid_dag_input_not_prerequisite"),
    *(
        (
            gate("a", **{setting: value}),
            "workflow.invalid_dag_external_step_queue_settings_not_allowed",
        )
        for setting, value in [
            ("priority", 0),
            ("max_attempts", 1),
            ("timeout_seconds", 1),
            ("stage", "queued"),
        ]
    ),
]


@pytest.mark.parametrize(("bad", "code"), BAD_STEPS)
def test_a_fault_of_a_step_has_its_code(bad, code):
    key = "a" if bad.step_key == "a" else None

    assert faults_of(validate_workflow_dag, "survey", [bad]) == [(code, key)]
    assert faults_of(validate_workflow_step_append, ["x"], [bad]) == [(code, key)]


def test_a_key_of_two_steps_is_reported_for_the_second():
    steps = [step("a"), step("b"), step("a")]

    assert faults_of(validate_workflow_dag, "survey", steps) == [
        ("workflow.invalid_dag_duplicate_step_key", "a")
    ]


def test_a_prerequisite_named_twice_is_reported_once_whatever_the_modes():
    dependencies = [
        WorkflowStepDependencySpec("a", "ON_SUCCESS"),
        WorkflowStepDependencySpec("a", "ON_TERMINAL"),
    ]
    steps = [step("a"), WorkflowStep("b", "t", dependencies=dependencies)]

    assert faults_of(validate_workflow_dag, "survey", steps) == [
        ("workflow.invalid_dag_duplicate_dependency", "b")
    ]


def test_an_input_named_twice_is_reported():
    steps = [step("a"), step("b", "a", inputs=["a", "a"])]

    assert faults_of(validate_workflow_dag, "survey", steps) == [
        ("workflow.invalid_dag_duplicate_input", "b")
    ]


def test_a_workflow_needs_a_type_and_steps():
    assert faults_of(validate_workflow_dag, " ", []) == [
        ("workflow.invalid_dag_workflow_type_blank", None),
        ("workflow.invalid_dag_empty", None),
    ]


def test_a_circle_is_shown_in_the_direction_of_the_work():
    steps = [step("a"), step("b", "a", "d"), step("c", "b"), step("d", "c")]

    with pytest.raises(WorkflowDagError) as caught:
        validate_workflow_dag("survey", steps)

    (fault,) = caught.value.faults
    assert fault.code == "workflow.invalid_dag_cycle"
    assert fault.cycle == ("b", "c", "d")
    assert fault.step_key == "b"
    assert fault.detail == "b -> c -> d -> b"
    assert "b -> c -> d -> b" in str(caught.value)


def test_circles_apart_from_each_other_are_all_shown():
    steps = [step("a", "b"), step("b", "a"), step("c", "d", "a"), step("d", "c")]

    with pytest.raises(WorkflowDagError) as caught:
        validate_workflow_dag("survey", steps)

    assert [fault.cycle for fault in caught.value.faults] == [("a", "b"), ("c", "d")]


def test_a_long_circle_is_kept_whole_but_shown_short():
    count = 1000
    steps = [step(f"s{n}", f"s{(n - 1) % count}") for n in range(count)]

    with pytest.raises(WorkflowDagError) as caught:
        validate_workflow_dag("survey", steps)

    (fault,) = caught.value.faults
    assert len(fault.cycle) == count
    assert fault.detail.startswith("s0 -> s1 -> s2")
    assert "988 more" in fault.detail
    assert fault.detail.endswith("s999 -> s0")


def test_a_repeated_key_makes_no_circle_that_new_keys_would_dissolve():
    steps = [step("a"), step("b", "a"), step("a", "b")]

    assert faults_of(validate_workflow_dag, "survey", steps) == [
        ("workflow.invalid_dag_duplicate_step_key", "a")
    ]


def test_no_fault_hides_another():
    steps = [
        step("a", "b", max_attempts=0),
        step("b", "a", "missing", "missing"),
        step("", "a", job_type=""),
        gate("a", "", stage="s"),
        step("e", "e", inputs=["a"]),
    ]

    assert faults_of(validate_workflow_dag, "", steps) == [
        ("workflow.invalid_dag_workflow_type_blank", None),
        ("workflow.invalid_dag_step_max_attempts_non_positive", "a"),
        ("workflow.invalid_dag_step_key_blank", None),
        ("workflow.invalid_dag_job_type_blank", None),
        ("workflow.invalid_dag_external_step_queue_settings_not_allowed", "a"),
        ("workflow.invalid_dag_duplicate_step_key", "a"),
        ("workflow.invalid_dag_missing_dependency", "b"),
        ("workflow.invalid_dag_duplicate_dependency", "b"),
        ("workflow.invalid_dag_dependency_step_key_blank", "a"),
        ("workflow.invalid_dag_self_dependency", "e"),
        ("workflow.invalid_dag_input_not_prerequisite", "e"),
        ("workflow.invalid_dag_cycle", "a"),
    ]


def test_appended_steps_may_need_steps_of_the_run_and_each_other():
    steps = [step("c", "a", "d", inputs=["a"]), step("d", "b")]

    assert validate_workflow_step_append(["a", "b"], steps) is None


def test_an_append_needs_steps():
    assert faults_of(validate_workflow_step_append, ["a"], []) == [
        ("workflow.invalid_dag_empty", None)
    ]


def test_an_appended_step_may_not_take_the_key_of_another():
    steps = [step("a"), step("b"), step("b")]

    assert faults_of(validate_workflow_step_append, {"a"}, steps) == [
        ("workflow.invalid_dag_duplicate_step_key", "a"),
        ("workflow.invalid_dag_duplicate_step_key", "b"),
    ]


def test_an_appended_step_may_not_need_what_is_neither_there_nor_appended():
    assert faults_of(validate_workflow_step_append, ["a"], [step("b", "c")]) == [
        ("workflow.invalid_dag_missing_dependency", "b")
    ]


def test_appended_steps_may_not_form_a_circle():
    steps = [step("b", "a", "c"), step("c", "b")]

    assert faults_of(validate_workflow_step_append, ["a"], steps) == [
        ("workflow.invalid_dag_cycle", "b")
    ]


@pytest.mark.parametrize(
    ("validate", "arguments", "code"),
    [
        (validate_workflow_dag, (None, []), "identifier.invalid_text"),
        (validate_workflow_dag, ("survey", ["a"]), "workflow.invalid_dag"),
        (validate_workflow_step_append, ([], ["a"]), "workflow.invalid_dag"),
    ],
)
def test_what_is_no_workflow_is_refused_before_it_is_read(validate, arguments, code):
    with pytest.raises(ValidationError) as caught:
        validate(*arguments)

    assert code == caught.value.code
    assert not isinstance(caught.value, WorkflowDagError)


def test_validation_reads_its_arguments_only_once():
    assert validate_workflow_dag("survey", iter([step("a"), step("b", "a")])) is None
    existing = iter(["a"])
    assert validate_workflow_step_append(existing, iter([step("b", "a")])) is None
