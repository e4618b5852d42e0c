"""Canonical snapshots of workflows: what was requested, in one form only."""

import json
import random
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runledger_core import DependencyReleaseMode, WorkflowStepStatus
from runledger_core.workflows import (
    GateDeadline,
    WorkflowRunEnqueue,
    WorkflowStep,
    WorkflowStepDependencySpec,
    workflow_append_snapshot,
    workflow_run_snapshot,
)

ORGANIZATION, OTHER = UUID(int=1), UUID(int=2)
ON_SUCCESS = DependencyReleaseMode.ON_SUCCESS

BARE_JOB = {
    "step_key": "a",
    "execution_kind": "JOB",
    "job_type": "t",
    "organization_id": None,
    "payload": {},
    "priority": None,
    "max_attempts": None,
    "timeout_seconds": None,
    "stage": "queued",
    "dependencies": [],
}
BARE_GATE = BARE_JOB | {
    "step_key": "gate",
    "execution_kind": "EXTERNAL",
    "job_type": None,
    "stage": None,
}


def run_of(*steps, **settings):
    return WorkflowRunEnqueue("survey", steps or [WorkflowStep("a", "t")], **settings)


def test_what_is_optional_is_left_out_when_absent():
    run = run_of(WorkflowStep("a", "t"), WorkflowStep.external("gate"))

    assert workflow_run_snapshot(run) == {
        "metadata": {},
        "steps": [BARE_JOB, BARE_GATE],
    }


def test_a_full_request_is_written_down_sorted():
    run = run_of(
        WorkflowStep(
            "report",
            "survey.report",
            {"to": "ada"},
            organization_id=OTHER,
            priority=-5,
            max_attempts=3,
            timeout_seconds=60,
            stage="warm",
            dependencies=[
                WorkflowStepDependencySpec("gate"),
                WorkflowStepDependencySpec("a", ON_SUCCESS),
            ],
            inputs=["gate", "a"],
        ),
        WorkflowStep.external(
            "gate", deadline=GateDeadline(60, WorkflowStepStatus.CANCELED)
        ),
        WorkflowStep("a", "t"),
        metadata={"by": "ada"},
        organization_id=ORGANIZATION,
        idempotency_key="k",
        result_step_key="report",
        fail_fast=True,
    )

    owner = {"organization_id": str(ORGANIZATION)}
    assert workflow_run_snapshot(run) == {
        "metadata": {"by": "ada"},
        "result_step_key": "report",
        "fail_fast": True,
        "steps": [
            BARE_JOB | owner,
            BARE_GATE | owner | {"deadline": {"seconds": 60, "outcome": "CANCELED"}},
            {
                "step_key": "report",
                "execution_kind": "JOB",
                "job_type": "survey.report",
                "organization_id": str(OTHER),
                "payload": {"to": "ada"},
                "priority": -5,
                "max_attempts": 3,
                "timeout_seconds": 60,
                "stage": "warm",
                "dependencies": [
                    {"prerequisite_step_key": "a", "release_mode": "ON_SUCCESS"},
                    {"prerequisite_step_key": "gate", "release_mode": "ON_TERMINAL"},
                ],
                "inputs": ["a", "gate"],
            },
        ],
    }


@given(st.permutations(range(6)), st.integers(0, 255))
def test_the_order_of_steps_dependencies_and_inputs_does_not_count(order, seed):
    chance = random.Random(seed)  # noqa: S311
    keys = [f"s{number}" for number in range(6)]

    def shuffled_step(number):
        earlier = chance.sample(keys[:number], number)
        return WorkflowStep(
            keys[number],
            "t",
            dependencies=[WorkflowStepDependencySpec(key) for key in earlier],
            inputs=chance.sample(earlier, number),
        )

    run = run_of(*(shuffled_step(number) for number in range(6)))
    shuffled = run_of(*(shuffled_step(number) for number in order))

    assert workflow_run_snapshot(run) == workflow_run_snapshot(shuffled)


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"by": "eve"}},
        {"result_step_key": "a"},
        {"fail_fast": True},
        {"organization_id": ORGANIZATION},
        {"steps": [WorkflowStep("b", "t")]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_request_has_another_snapshot(change):
    run = run_of()

    changed = attrs.evolve(run, **change)

    assert workflow_run_snapshot(run) != workflow_run_snapshot(changed)


@pytest.mark.parametrize(
    "change",
    [
        {"job_type": "u"},
        {"payload": None},
        {"organization_id": OTHER},
        {"priority": 100},
        {"max_attempts": 8},
        {"timeout_seconds": 900},
        {"stage": "warm"},
        {"dependencies": []},
        {"dependencies": [WorkflowStepDependencySpec("b", ON_SUCCESS)]},
        {"inputs": ["b"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_step_that_differs_makes_another_snapshot(change):
    """Spelling a default out is another request, too."""
    step = WorkflowStep("a", "t", dependencies=[WorkflowStepDependencySpec("b")])
    changed = attrs.evolve(step, **change)

    first = workflow_append_snapshot("gate", [step], organization_id=None)

    second = workflow_append_snapshot("gate", [changed], organization_id=None)
    assert first != second


@pytest.mark.parametrize(
    "spelt_out",
    [
        WorkflowStep("a", "t", stage="queued"),
        WorkflowStep("a", "t", organization_id=ORGANIZATION),
    ],
    ids=["stage", "organization"],
)
def test_stages_and_organizations_are_resolved(spelt_out):
    run = run_of(organization_id=ORGANIZATION)

    same = attrs.evolve(run, steps=[spelt_out])

    assert workflow_run_snapshot(run) == workflow_run_snapshot(same)


def test_what_the_run_is_found_by_is_not_in_the_snapshot():
    snapshot = workflow_run_snapshot(run_of(idempotency_key="k"))

    assert set(snapshot) == {"metadata", "steps"}


def test_an_append_is_its_window_and_its_steps():
    steps = [
        WorkflowStep(
            "b", "t", dependencies=[WorkflowStepDependencySpec("a", ON_SUCCESS)]
        ),
        WorkflowStep("a", "t", organization_id=OTHER),
    ]

    snapshot = workflow_append_snapshot("gate", steps, organization_id=ORGANIZATION)

    dependency = {"prerequisite_step_key": "a", "release_mode": "ON_SUCCESS"}
    assert snapshot == {
        "append_window_step_key": "gate",
        "steps": [
            BARE_JOB | {"organization_id": str(OTHER)},
            BARE_JOB
            | {
                "step_key": "b",
                "organization_id": str(ORGANIZATION),
                "dependencies": [dependency],
            },
        ],
    }


def test_a_snapshot_is_json():
    run = run_of(
        WorkflowStep.external("gate", {"n": [1, None]}, deadline=GateDeadline(1)),
        metadata=[1.5],
        organization_id=ORGANIZATION,
    )

    snapshot = workflow_run_snapshot(run)

    assert snapshot == json.loads(json.dumps(snapshot))
