"""Insert steps of a run, blocked, with the edges that lead to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from runledger_core import DependencyReleaseMode, WorkflowStepStatus

from .._array_text import array_text
from .._json_text import json_text
from .._statements import statement
from .._steps import Call, batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from uuid import UUID

    from runledger_core.workflows import WorkflowStep, WorkflowStepDependencySpec

    from .._steps import Steps

T = TypeVar("T")

INSERT_STEPS = statement("workflows/insert_steps")
INSERT_EDGES = statement("workflows/insert_edges")

# Larger parts are no faster, and what a part holds in memory on both sides is bounded.
STEPS_PER_STATEMENT: Final = 1000
EDGES_PER_STATEMENT: Final = 5000


@attrs.frozen
class ExistingStep:
    """A step that the run has already, and on which new ones may depend."""

    id: UUID
    status: WorkflowStepStatus


def insert_steps(
    run_id: UUID,
    steps: Sequence[WorkflowStep],
    *,
    organization_id: UUID | None,
    existing: Mapping[str, ExistingStep],
) -> Steps[dict[str, UUID]]:
    """
    Insert steps and edges, and return the new ids by step key, in the given order.

    The steps are valid together with *existing*, their definitions are locked, and the
    caller holds the run's lock or has inserted the run. Nothing is released.
    """
    inserted = yield from batch(
        *(
            Call(
                INSERT_STEPS,
                {"run_id": run_id, **_step_columns(part, organization_id, existing)},
            )
            for part in _parts(steps, STEPS_PER_STATEMENT)
        )
    )
    new_ids = [step_id for [row] in inserted for step_id in row["step_ids"]]
    ids = dict(zip((step.step_key for step in steps), new_ids, strict=True))
    known = {key: str(step.id) for key, step in existing.items()}
    known.update((key, str(step_id)) for key, step_id in ids.items())
    edges = _edges(steps, known)
    if edges:
        yield from batch(
            *(
                Call(INSERT_EDGES, {"run_id": run_id, **_edge_columns(part)})
                for part in _parts(edges, EDGES_PER_STATEMENT)
            )
        )
    return ids


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _step_columns(
    steps: Sequence[WorkflowStep],
    organization_id: UUID | None,
    existing: Mapping[str, ExistingStep],
) -> dict[str, Any]:
    """Turn the steps on their side: the statement takes a list a column."""
    owners = [s.effective_organization_id(organization_id) for s in steps]
    deadlines = [s.deadline for s in steps]
    ended = {key: step for key, step in existing.items() if step.status.is_terminal}
    return {
        "step_keys": [s.step_key for s in steps],
        "execution_kinds": array_text(s.execution_kind for s in steps),
        "job_types": [s.job_type for s in steps],
        "organization_ids": array_text(owners),
        "payloads": [json_text(s.payload) for s in steps],
        "priorities": array_text(s.priority for s in steps),
        "max_attempts": array_text(s.max_attempts for s in steps),
        "timeouts_seconds": array_text(s.timeout_seconds for s in steps),
        "stages": [s.effective_stage for s in steps],
        "deadlines_seconds": array_text(d and d.seconds for d in deadlines),
        "deadline_outcomes": array_text(d and d.outcome for d in deadlines),
        "total_counts": array_text(len(s.dependencies) for s in steps),
        "pending_counts": array_text(
            sum(edge.prerequisite_step_key not in ended for edge in s.dependencies)
            for s in steps
        ),
        "unsatisfied_counts": array_text(
            sum(_is_unsatisfied(edge, ended) for edge in s.dependencies) if ended else 0
            for s in steps
        ),
    }


def _is_unsatisfied(
    edge: WorkflowStepDependencySpec, ended: Mapping[str, ExistingStep]
) -> bool:
    prerequisite = ended.get(edge.prerequisite_step_key)
    return (
        edge.release_mode is DependencyReleaseMode.ON_SUCCESS
        and prerequisite is not None
        and prerequisite.status is not WorkflowStepStatus.SUCCEEDED
    )


def _edges(
    steps: Sequence[WorkflowStep], ids: Mapping[str, str]
) -> list[tuple[str, str, DependencyReleaseMode, bool]]:
    """Return prerequisite, dependent, mode and whether the output is passed on."""
    edges = []
    for step in steps:
        step_id, inputs = ids[step.step_key], frozenset(step.inputs)
        for edge in step.dependencies:
            key = edge.prerequisite_step_key
            edges.append((ids[key], step_id, edge.release_mode, key in inputs))
    return edges


def _edge_columns(
    edges: Sequence[tuple[str, str, DependencyReleaseMode, bool]],
) -> dict[str, str]:
    names = ("prerequisite_ids", "dependent_ids", "release_modes", "passes_outputs")
    columns = zip(*edges, strict=True)
    return dict(zip(names, map(array_text, columns), strict=True))
