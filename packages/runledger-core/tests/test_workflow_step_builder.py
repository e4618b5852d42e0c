"""The step builder: one setting a call, every fault of the step at the end."""

from uuid import UUID

import pytest

from runledger_core import DependencyReleaseMode, ValidationError, WorkflowStepStatus
from runledger_core.workflows import (
    GateDeadline,
    WorkflowDagError,
    WorkflowStep,
    WorkflowStepDependencySpec,
    WorkflowStepEnqueueBuilder,
)

ON_SUCCESS = DependencyReleaseMode.ON_SUCCESS
ON_TERMINAL = DependencyReleaseMode.ON_TERMINAL


def test_the_builder_sets_what_it_is_told():
    step = (
        WorkflowStepEnqueueBuilder("report", "survey.report", {"to": "ada"})
        .organization_id(UUID(int=1))
        .priority(-3)
        .max_attempts(2)
        .timeout_seconds(60)
        .stage("warm")
        .dependency("a")
        .dependency("b", release_mode=ON_SUCCESS)
        .depends_on_success(["c", "d"])
        .depends_on_terminal("e")
        .inputs(["b", "c"])
        .build()
    )

    assert step == WorkflowStep(
        "report",
        "survey.report",
        {"to": "ada"},
        organization_id=UUID(int=1),
        priority=-3,
        max_attempts=2,
        timeout_seconds=60,
        stage="warm",
        dependencies=[
            WorkflowStepDependencySpec("a", ON_TERMINAL),
            WorkflowStepDependencySpec("b", ON_SUCCESS),
            WorkflowStepDependencySpec("c", ON_SUCCESS),
            WorkflowStepDependencySpec("d", ON_SUCCESS),
            WorkflowStepDependencySpec("e", ON_TERMINAL),
        ],
        inputs=["b", "c"],
    )


def test_the_builder_takes_settings_back():
    builder = (
        WorkflowStepEnqueueBuilder("a", "t")
        .organization_id(UUID(int=1))
        .priority(1)
        .max_attempts(1)
        .timeout_seconds(1)
        .stage("warm")
        .depends_on_success("b")
        .inputs("b")
        .deadline(1)
    )

    step = (
        builder.organization_id(None)
        .priority(None)
        .max_attempts(None)
        .timeout_seconds(None)
        .stage(None)
        .set_dependencies([])
        .inputs([])
        .deadline(None)
        .build()
    )

    assert step == WorkflowStep("a", "t")


def test_a_gate_is_begun_as_such_and_can_have_a_deadline():
    gate = (
        WorkflowStepEnqueueBuilder.external("approve", {"who": "ada"})
        .deadline(60, outcome=WorkflowStepStatus.CANCELED)
        .depends_on_success("list")
        .build()
    )

    assert gate == WorkflowStep.external(
        "approve",
        {"who": "ada"},
        dependencies=[WorkflowStepDependencySpec("list", ON_SUCCESS)],
        deadline=GateDeadline(60, WorkflowStepStatus.CANCELED),
    )


def test_every_fault_of_the_step_is_reported_by_build():
    builder = (
        WorkflowStepEnqueueBuilder("a", " ")
        .priority(2**31)
        .max_attempts(0)
        .timeout_seconds(-1)
        .stage("")
        .deadline(1)
        .depends_on_success(["", "a", "b", "b"])
    )

    with pytest.raises(WorkflowDagError) as caught:
        builder.build()

    assert [fault.code for fault in caught.value.faults] == [
        "workflow.invalid_dag_job_type_blank",
        "job.invalid_priority",
        "workflow.invalid_dag_step_max_attempts_non_positive",
        "workflow.invalid_dag_step_timeout_seconds_non_positive",
        "identifier.blank",
        "workflow.invalid_dag_job_step_deadline_not_allowed",
        "workflow.invalid_dag_dependency_step_key_blank",
        "workflow.invalid_dag_self_dependency",
        "workflow.invalid_dag_duplicate_dependency",
    ]
    assert {fault.step_key for fault in caught.value.faults} == {"a"}


def test_a_step_alone_does_not_know_which_other_steps_there_are():
    builder = WorkflowStepEnqueueBuilder("a", "t").depends_on_success("b").inputs("c")

    assert builder.build().inputs == ("c",)


def test_a_value_of_the_wrong_type_is_refused_by_its_call():
    with pytest.raises(ValidationError) as caught:
        WorkflowStepEnqueueBuilder("a", "t").priority("high")

    assert caught.value.code == "job.invalid_priority"
