"""Make workflow graphs of steps that do nothing."""

from __future__ import annotations

from runledger_core import DependencyReleaseMode
from runledger_core.workflows import (
    WorkflowRunEnqueue,
    WorkflowStep,
    WorkflowStepDependencySpec,
)

from .server import JOB_TYPE

# What the worker program's handler reads: no start to note.
PAYLOAD = {"seq": -1}
LAYERS = 10


def fan(width: int) -> WorkflowRunEnqueue:
    """Return one step, *width* steps that wait for it, and one that waits for those."""
    middle = [f"work-{number}" for number in range(width)]
    return WorkflowRunEnqueue(
        "bench.fan",
        [
            step("first", []),
            *(step(key, ["first"]) for key in middle),
            step("last", middle),
        ],
    )


def chain(length: int) -> WorkflowRunEnqueue:
    """Return steps that wait for one another."""
    return WorkflowRunEnqueue(
        "bench.chain",
        [
            step(f"link-{number}", [f"link-{number - 1}"] if number else [])
            for number in range(length)
        ],
    )


def layered(steps: int, edges: int) -> WorkflowRunEnqueue:
    """Return ten layers of steps; each step waits for some of the layer before."""
    width = steps // LAYERS
    fan_in = edges / (steps - width)
    made: list[WorkflowStep] = []
    made_edges = 0
    for number in range(steps):
        layer, place = divmod(number, width)
        wanted = round(fan_in * max(number + 1 - width, 0)) - made_edges
        before = [
            (place + shift) % width + (layer - 1) * width for shift in range(wanted)
        ]
        made.append(step(f"s{number}", [f"s{each}" for each in before]))
        made_edges += len(before)
    return WorkflowRunEnqueue("bench.layered", made)


def step(key: str, prerequisites: list[str]) -> WorkflowStep:
    """Return a step that does nothing once these have succeeded."""
    dependencies = [
        WorkflowStepDependencySpec(each, DependencyReleaseMode.ON_SUCCESS)
        for each in prerequisites
    ]
    return WorkflowStep(key, JOB_TYPE, payload=PAYLOAD, dependencies=dependencies)
