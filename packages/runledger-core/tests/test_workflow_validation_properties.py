"""Validation over random graphs: all that is sound passes, all that is broken shows."""

import random

import attrs
from hypothesis import assume, given
from hypothesis import strategies as st

from runledger_core import DependencyReleaseMode
from runledger_core.workflows import (
    WorkflowDagError,
    WorkflowRunEnqueue,
    WorkflowStep,
    WorkflowStepDependencySpec,
    validate_workflow_dag,
    validate_workflow_step_append,
)

PREFIX = "workflow.invalid_dag_"
MODES = list(DependencyReleaseMode)


@st.composite
def workflows(draw, min_steps=1, max_steps=12):
    """
    The steps of a sound workflow, in any order.

    Drawn as bytes, one for each step and for each pair of steps: that is much faster
    than a strategy for each, and shrinks to few steps and few edges as well.
    """
    count = draw(st.integers(min_steps, max_steps))
    kinds = draw(st.binary(min_size=count, max_size=count))
    edges = draw(st.binary(min_size=count * count, max_size=count * count))
    steps = [
        _step(number, kinds[number], edges[number * count :][:number])
        for number in range(count)
    ]
    return random.Random(draw(st.integers(0, 255))).sample(steps, count)  # noqa: S311


def _step(number, kind, edges):
    """A step that needs only steps of lower numbers."""
    chosen = [(f"s{other}", edge) for other, edge in enumerate(edges) if edge > 127]
    dependencies = [
        WorkflowStepDependencySpec(key, MODES[edge % 2]) for key, edge in chosen
    ]
    if kind > 200:
        return WorkflowStep.external(f"s{number}", dependencies=dependencies)
    inputs = [key for key, edge in chosen if edge % 4 > 1]
    return WorkflowStep(f"s{number}", "t", dependencies=dependencies, inputs=inputs)


def faults_of(steps):
    try:
        validate_workflow_dag("survey", steps)
    except WorkflowDagError as error:
        return list(error.faults)
    return []


def needing(step, *keys):
    more = [WorkflowStepDependencySpec(key) for key in keys]
    return attrs.evolve(step, dependencies=[*step.dependencies, *more])


def prerequisites(step):
    return [each.prerequisite_step_key for each in step.dependencies]


@given(workflows())
def test_a_random_workflow_without_circles_is_valid(steps):
    assert faults_of(steps) == []
    assert WorkflowRunEnqueue("survey", steps).steps == tuple(steps)


@given(workflows(), st.integers(0, 11))
def test_what_follows_a_part_of_a_valid_workflow_can_be_appended_to_it(steps, cut):
    ordered = sorted(steps, key=lambda step: int(step.step_key[1:]))
    cut %= len(ordered)
    existing = [step.step_key for step in ordered[:cut]]

    assert validate_workflow_step_append(existing, ordered[cut:]) is None


def _blank_key(step):
    return attrs.evolve(step, step_key=" "), (f"{PREFIX}step_key_blank", None)


def _blank_type(step):
    job = WorkflowStep(step.step_key, "")
    return job, (f"{PREFIX}job_type_blank", step.step_key)


def _no_attempts(step):
    job = WorkflowStep(step.step_key, "t", max_attempts=0)
    return job, (f"{PREFIX}step_max_attempts_non_positive", step.step_key)


def _self(step):
    return needing(step, step.step_key), (f"{PREFIX}self_dependency", step.step_key)


def _missing(step):
    return needing(step, "nowhere"), (f"{PREFIX}missing_dependency", step.step_key)


def _blank_dependency(step):
    code = f"{PREFIX}dependency_step_key_blank"
    return needing(step, ""), (code, step.step_key)


def _repeated(step):
    step = needing(step, "extra", "extra")
    return step, (f"{PREFIX}duplicate_dependency", step.step_key)


def _stray_input(step):
    job = WorkflowStep(step.step_key, "t", inputs=["extra"])
    return job, (f"{PREFIX}input_not_prerequisite", step.step_key)


def _gate_with_stage(step):
    gate = attrs.evolve(WorkflowStep.external(step.step_key), stage="queued")
    code = f"{PREFIX}external_step_queue_settings_not_allowed"
    return gate, (code, step.step_key)


BREAKERS = [
    _blank_key,
    _blank_type,
    _no_attempts,
    _self,
    _missing,
    _blank_dependency,
    _repeated,
    _stray_input,
    _gate_with_stage,
]


@given(workflows(), st.binary(min_size=12, max_size=12))
def test_every_fault_that_is_put_in_is_reported_and_no_other(steps, choices):
    """Steps that lose their key are missed by others, so nothing needs those here."""
    needed = {key for step in steps for key in prerequisites(step)}
    expected, broken = [], []
    for step, choice in zip(steps, choices, strict=False):
        breakers = [None, *BREAKERS[step.step_key in needed :]]
        breaker = breakers[choice % len(breakers)]
        if breaker is None:
            broken.append(step)
        else:
            broken_step, fault = breaker(step)
            broken.append(broken_step)
            expected.append(fault)
    broken.append(WorkflowStep("extra", "t"))

    found = [(fault.code, fault.step_key) for fault in faults_of(broken)]

    assert sorted(expected, key=repr) == sorted(found, key=repr)


@given(workflows(), st.binary(max_size=12))
def test_every_repeated_key_is_reported(steps, choices):
    repeated = [steps[choice % len(steps)] for choice in choices]

    found = [(fault.code, fault.step_key) for fault in faults_of([*steps, *repeated])]

    code = f"{PREFIX}duplicate_step_key"
    assert found == [(code, step.step_key) for step in repeated]


@given(workflows(min_steps=3), st.integers(0, 2**16))
def test_a_circle_that_is_closed_is_found_and_is_one(steps, choice):
    """An edge from any step back to one that it rests upon closes a circle."""
    by_key = {step.step_key: step for step in steps}
    pairs = _resting_pairs(by_key)
    assume(pairs)
    start, end = pairs[choice % len(pairs)]
    by_key[start] = needing(by_key[start], end)

    faults = faults_of(by_key.values())

    (fault,) = faults
    assert fault.code == f"{PREFIX}cycle"
    assert len(set(fault.cycle)) == len(fault.cycle)
    for key, following in zip(
        fault.cycle, [*fault.cycle[1:], fault.cycle[0]], strict=True
    ):
        assert key in prerequisites(by_key[following])
    assert end in prerequisites(by_key[start])


def _resting_pairs(by_key):
    """Return every (step, step that rests upon it, directly or not)."""
    pairs = []
    for key in by_key:
        pending, upon = prerequisites(by_key[key]), set()
        while pending:
            prerequisite = pending.pop()
            if prerequisite not in upon:
                upon.add(prerequisite)
                pending.extend(prerequisites(by_key[prerequisite]))
        pairs += [(prerequisite, key) for prerequisite in sorted(upon)]
    return pairs


@given(workflows(), st.integers(0, 255))
def test_the_order_of_steps_does_not_change_which_faults_there_are(steps, seed):
    broken = [needing(step, "nowhere", step.step_key) for step in steps]
    shuffled = random.Random(seed).sample(broken, len(broken))  # noqa: S311

    first = sorted(fault.message for fault in faults_of(broken))

    assert first == sorted(fault.message for fault in faults_of(shuffled))
    assert len(first) == 2 * len(steps)
