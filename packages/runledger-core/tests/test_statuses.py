"""Statuses: the schema's labels, each with a sentence, and which of them are ends."""

import ast
import inspect
from enum import StrEnum

import pytest

from runledger_core import (
    AttemptOutcome,
    FailureKind,
    JobStage,
    JobStatus,
    WorkflowRunStatus,
    WorkflowStepStatus,
    _failures,
    _retry,
    _schedule_policies,
    _statuses,
    _transitions,
)
from runledger_core.codes import _entry

MODULES = (
    _statuses,
    _transitions,
    _failures,
    _retry,
    _schedule_policies,
    _entry,
)
ENUMS = [
    (module, name)
    for module in MODULES
    for name, value in vars(module).items()
    if inspect.isclass(value)
    and issubclass(value, StrEnum)
    and value.__module__ == module.__name__
]


def test_jobs_end_in_three_statuses():
    expected = (JobStatus.SUCCEEDED, JobStatus.DEAD_LETTERED, JobStatus.CANCELED)

    assert expected == JobStatus.terminal()


def test_runs_end_in_three_statuses():
    status = WorkflowRunStatus
    expected = (status.SUCCEEDED, status.COMPLETED_WITH_ERRORS, status.CANCELED)

    assert expected == status.terminal()


def test_steps_end_in_three_statuses():
    status = WorkflowStepStatus
    expected = (status.SUCCEEDED, status.FAILED, status.CANCELED)

    assert expected == status.terminal()


@pytest.mark.parametrize("status", [JobStatus, WorkflowRunStatus, WorkflowStepStatus])
def test_a_status_knows_whether_it_is_an_end(status):
    ends = tuple(member for member in status if member.is_terminal)

    assert ends == status.terminal()


def test_failure_kinds_are_the_first_outcomes_of_an_attempt():
    assert [str(kind) for kind in FailureKind] == list(AttemptOutcome)[:5]


def test_stages_are_written_in_lower_case():
    assert [str(stage) for stage in JobStage] == [
        "queued",
        "scheduled",
        "running",
        "completed",
    ]


@pytest.mark.parametrize(("module", "name"), ENUMS, ids=[name for _, name in ENUMS])
def test_every_member_has_a_sentence(module, name):
    tree = ast.parse(inspect.getsource(module))
    (body,) = (
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == name
    )
    for member, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(member, ast.Assign):
            assert isinstance(following, ast.Expr), ast.unparse(member)
            sentence = ast.literal_eval(following.value)
            assert sentence.endswith("."), sentence
