"""The error of a workflow: one code, every fault, and nothing that must stay secret."""

import copy
import pickle

import pytest

from runledger_core import CODES, ErrorCategory, ValidationError
from runledger_core.workflows import (
    WorkflowDagError,
    WorkflowFault,
    WorkflowStep,
    WorkflowStepDependencySpec,
    validate_workflow_dag,
)

EMPTY = WorkflowFault("workflow.invalid_dag_empty", None, "0 steps")
SELF = WorkflowFault("workflow.invalid_dag_self_dependency", "a", "step a")


def depending_on(*keys):
    return [WorkflowStepDependencySpec(key) for key in keys]


def errors_of(*steps):
    with pytest.raises(WorkflowDagError) as caught:
        validate_workflow_dag("survey", steps)
    return caught.value


def test_the_error_is_a_validation_error():
    error = WorkflowDagError([EMPTY])

    assert isinstance(error, ValidationError)
    assert error.category is ErrorCategory.VALIDATION


def test_a_single_fault_gives_its_code_and_sentence():
    error = WorkflowDagError([SELF])

    assert error.code == SELF.code
    assert error.client_message == SELF.message
    assert SELF.message == f"{CODES[SELF.code].message} (step a)"


def test_several_faults_have_the_common_code_and_are_named():
    error = WorkflowDagError([EMPTY, SELF])

    assert error.code == "workflow.invalid_dag"
    assert error.faults == (EMPTY, SELF)
    assert str(error) == (
        "workflow.invalid_dag: the workflow graph is not valid (2 faults: "
        "workflow.invalid_dag_empty (0 steps); "
        "workflow.invalid_dag_self_dependency (step a))"
    )


def test_of_many_faults_the_message_names_the_first_few_and_counts_the_rest():
    error = WorkflowDagError([SELF] * 40)

    assert len(error.faults) == 40
    assert "40 faults" in str(error)
    assert str(error).endswith("and 35 more)")
    assert len(str(error)) < 500


@pytest.mark.parametrize("faults", [[EMPTY], [EMPTY, SELF]], ids=["one", "several"])
@pytest.mark.parametrize(
    "rebuild",
    [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],  # noqa: S301
    ids=["copy", "deepcopy", "pickle"],
)
def test_the_error_survives_being_copied(faults, rebuild):
    error = WorkflowDagError(faults)

    rebuilt = rebuild(error)

    assert rebuilt.faults == error.faults
    assert str(rebuilt) == str(error)


def test_keys_are_shown_in_one_short_line():
    long, broken = "k" * 500, "a\nb"

    error = errors_of(
        WorkflowStep(long, "t", max_attempts=0),
        WorkflowStep(broken, "t", max_attempts=0),
    )

    assert "\n" not in str(error)
    assert len(str(error)) < 500
    assert [fault.step_key for fault in error.faults] == [long, broken]


@pytest.mark.parametrize("key", [" secret", "secret\0", "secret" * 100, "secret\ud800"])
def test_what_is_no_identifier_is_never_repeated(key):
    step = WorkflowStep("a", key, inputs=[key])
    with_key = WorkflowStep(key, "t", max_attempts=0)
    depending = WorkflowStep(
        "b", "t", inputs=[key, key], dependencies=depending_on(key, key)
    )

    error = errors_of(step, with_key, depending)

    assert all("secret" not in fault.message for fault in error.faults)
    assert all("secret" not in (fault.step_key or "") for fault in error.faults)
    assert "secret" not in str(error)


def test_a_step_without_a_proper_key_is_named_by_its_number():
    error = errors_of(WorkflowStep("a", "t"), WorkflowStep("", "t", max_attempts=0))

    assert [(fault.step_key, fault.detail) for fault in error.faults] == [
        (None, "the key of step number 2"),
        (None, "step number 2"),
    ]
