"""Validate whole workflows: every fault at once, in linear time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._faults import WorkflowFault, refuse, shown, some
from ._graph import find_circles
from ._spec import plain_steps, plain_text
from ._step_checks import (
    Subject,
    dependency_faults,
    identifier_fault,
    input_faults,
    make_subject,
    shape_faults,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ._run import WorkflowRunEnqueue
    from ._spec import WorkflowStep

_SHOWN_CIRCLE = 12


def validate_workflow_dag(workflow_type: str, steps: Iterable[WorkflowStep]) -> None:
    """
    Check a workflow's type and the graph of its steps.

    Of the steps that depend on each other in circles, one circle is reported for each
    knot of them: remove it and look again.

    Raises:
        WorkflowDagError: with every fault; see the codes ``workflow.invalid_dag_*``.
    """
    refuse(_dag_faults(plain_text(workflow_type, "workflow_type"), plain_steps(steps)))


def validate_workflow_run_enqueue(run: WorkflowRunEnqueue) -> None:
    """
    Check a whole request. `WorkflowRunEnqueue` does so when it is made.

    Raises:
        WorkflowDagError: with every fault; see the codes ``workflow.invalid_dag_*``.
    """
    refuse(_run_faults(run))


def validate_workflow_step_append(
    existing_keys: Collection[str], new_steps: Iterable[WorkflowStep]
) -> None:
    """
    Check steps that are to be added to a run.

    They may depend on each other and on steps that the run has. No existing step comes
    to depend on a new one, so a circle can only be among the new ones.

    Args:
        existing_keys: the keys of all steps that the run has.
        new_steps: at least one.

    Raises:
        WorkflowDagError: with every fault; see the codes ``workflow.invalid_dag_*``.
    """
    steps = plain_steps(new_steps)
    refuse([*_empty_faults(steps), *_graph_faults(steps, frozenset(existing_keys))])


def _run_faults(run: WorkflowRunEnqueue) -> Iterator[WorkflowFault]:
    if run.idempotency_key is not None:
        yield from some(
            identifier_fault(
                run.idempotency_key,
                "idempotency_key",
                blank_code="workflow.invalid_dag_idempotency_key_blank",
            )
        )
    result_key_fault = None
    if run.result_step_key is not None:
        result_key_fault = identifier_fault(
            run.result_step_key,
            "result_step_key",
            blank_code="workflow.invalid_dag_result_step_key_blank",
        )
    yield from some(result_key_fault)
    yield from _dag_faults(run.workflow_type, run.steps)
    if run.result_step_key is None or result_key_fault is not None:
        return
    if all(run.result_step_key != step.step_key for step in run.steps):
        yield WorkflowFault(
            "workflow.invalid_dag_unknown_result_step", None, shown(run.result_step_key)
        )


def _dag_faults(
    workflow_type: str, steps: Sequence[WorkflowStep]
) -> Iterator[WorkflowFault]:
    yield from some(
        identifier_fault(
            workflow_type,
            "workflow_type",
            blank_code="workflow.invalid_dag_workflow_type_blank",
        )
    )
    yield from _empty_faults(steps)
    yield from _graph_faults(steps, frozenset())


def _empty_faults(steps: Sequence[WorkflowStep]) -> Iterator[WorkflowFault]:
    if not steps:
        yield WorkflowFault("workflow.invalid_dag_empty", None, "0 steps")


def _graph_faults(
    steps: Sequence[WorkflowStep], existing_keys: Collection[str]
) -> Iterator[WorkflowFault]:
    """Judge each step alone, then what the steps wait for, then the circles."""
    subjects = [make_subject(step, number) for number, step in enumerate(steps, 1)]
    positions: dict[str, int] = {}
    for position, subject in enumerate(subjects):
        yield from shape_faults(subject)
        if subject.step_key is None:
            continue
        if subject.step_key in existing_keys or subject.step_key in positions:
            yield subject.fault("workflow.invalid_dag_duplicate_step_key")
        positions.setdefault(subject.step_key, position)

    def is_known(key: str) -> bool:
        return key in positions or key in existing_keys

    for subject in subjects:
        yield from dependency_faults(subject, is_known=is_known)
        yield from input_faults(subject)
    yield from _circle_faults(subjects, positions)


def _circle_faults(
    subjects: Sequence[Subject], positions: Mapping[str, int]
) -> Iterator[WorkflowFault]:
    """
    Report one circle for each knot.

    A key that several steps have stands for the first of them, so that no circle is
    reported which would go away when the others get keys of their own.
    """
    successors: list[list[int]] = [[] for _ in subjects]
    for position, subject in enumerate(subjects):
        for dependency in subject.step.dependencies:
            prerequisite = positions.get(dependency.prerequisite_step_key)
            if prerequisite is not None:
                successors[prerequisite].append(position)
    for circle in find_circles(successors):
        keys = tuple(subjects[position].step.step_key for position in circle)
        yield WorkflowFault(
            "workflow.invalid_dag_cycle", keys[0], _describe_circle(keys), cycle=keys
        )


def _describe_circle(keys: Sequence[str]) -> str:
    """Return the circle, its middle left out where nobody would read it."""
    names = [shown(key) for key in keys]
    if len(names) > _SHOWN_CIRCLE:
        half = _SHOWN_CIRCLE // 2
        left_out = f"... {len(names) - 2 * half} more ..."
        names = [*names[:half], left_out, *names[-half:]]
    return " -> ".join([*names, shown(keys[0])])
