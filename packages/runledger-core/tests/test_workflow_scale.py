"""Large workflows: validated in time linear in their size, however deep they are."""

import random
import sys
import time
from pathlib import Path

import pytest

from runledger_core import workflows
from runledger_core.workflows import (
    WorkflowDagBuilder,
    WorkflowDagError,
    WorkflowStep,
    WorkflowStepDependencySpec,
    validate_workflow_dag,
    workflow_run_snapshot,
)

SOURCE = str(Path(workflows.__file__).parent)
DEEP = 3 * sys.getrecursionlimit()


def random_steps(count, edges_per_step=5):
    """Steps in a random order, each after a few earlier ones."""
    chance = random.Random(count)  # noqa: S311
    steps = []
    for number in range(count):
        earlier = chance.sample(range(number), min(number, edges_per_step))
        dependencies = [WorkflowStepDependencySpec(f"s{each}") for each in earlier]
        step = WorkflowStep(f"s{number}", "survey.read", dependencies=dependencies)
        steps.append(step)
    chance.shuffle(steps)
    return steps


def chain(count):
    steps = [WorkflowStep("s0", "t")]
    for number in range(1, count):
        before = [WorkflowStepDependencySpec(f"s{number - 1}")]
        steps.append(WorkflowStep(f"s{number}", "t", dependencies=before))
    return steps


def circle(count):
    back = [WorkflowStepDependencySpec(f"s{count - 1}")]
    return [WorkflowStep("s0", "t", dependencies=back), *chain(count)[1:]]


def broken_steps(count):
    """Steps with a fault each, and one in every dependency."""
    missing = [WorkflowStepDependencySpec(f"missing{n}") for n in range(5)]
    return [
        WorkflowStep(f"s{n}", "t", max_attempts=0, dependencies=missing)
        for n in range(count)
    ]


def count_lines(steps):
    """Return how many lines of the package run while the steps are validated."""
    count = 0

    def trace(frame, event, _argument):
        nonlocal count
        if not frame.f_code.co_filename.startswith(SOURCE):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        validate_workflow_dag("survey", steps)
    except WorkflowDagError:
        pass
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("make", [random_steps, chain, circle, broken_steps])
def test_the_work_grows_with_the_size_and_not_faster(make):
    small, large = make(100), make(1000)

    assert 0 < count_lines(large) < 11 * count_lines(small)


def test_ten_thousand_steps_with_fifty_thousand_edges_take_less_than_a_second():
    """Measured in the time of this process, so that a busy machine does not count."""
    steps = random_steps(10_000)

    took = []
    for _ in range(2):
        begin = time.process_time()
        validate_workflow_dag("survey", steps)
        took.append(time.process_time() - begin)

    assert sum(len(step.dependencies) for step in steps) > 49_000
    assert min(took) < 1


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_chain_deeper_than_any_stack_is_valid(shuffle):
    steps = chain(DEEP)
    if shuffle:
        random.Random(1).shuffle(steps)  # noqa: S311

    assert validate_workflow_dag("survey", steps) is None


def test_a_circle_longer_than_any_stack_is_shown():
    with pytest.raises(WorkflowDagError) as caught:
        validate_workflow_dag("survey", circle(DEEP))

    (fault,) = caught.value.faults
    assert len(fault.cycle) == DEEP
    assert len(fault.detail) < 200


def test_every_one_of_very_many_faults_is_kept():
    with pytest.raises(WorkflowDagError) as caught:
        validate_workflow_dag("survey", broken_steps(2000))

    assert len(caught.value.faults) == 2000 * 6
    assert len(str(caught.value)) < 1000


def test_a_wide_workflow_can_be_built_and_written_down():
    builder = WorkflowDagBuilder("survey").job("list", "survey.list")
    names = [f"read:{number}" for number in range(1000)]
    for name in names:
        builder.job(name, "survey.read").after_success(name, "list")
    builder.job("report", "survey.report", inputs=names)

    run = builder.after_terminal("report", names).result_step("report").build()

    report = workflow_run_snapshot(run)["steps"][-1]
    assert report["inputs"] == sorted(names)
    assert len(report["dependencies"]) == 1000
