"""Insert steps of runs, blocked, with the edges that lead to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - attrs resolves these
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
from uuid import UUID  # noqa: TC003

import attrs

from runledger_core import DependencyReleaseMode, WorkflowStepStatus
from runledger_core.workflows import WorkflowStep  # noqa: TC001 - as above

from .._array_text import array_text
from .._json_text import json_text
from .._statements import statement
from .._steps import Call, batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runledger_core.workflows import WorkflowStepDependencySpec

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


@attrs.frozen
class NewSteps:
    """
    Steps for one run, valid together with those that it has.

    Their organization is *organization_id* unless they say otherwise.
    """

    run_id: UUID
    steps: Sequence[WorkflowStep]
    organization_id: UUID | None
    existing: Mapping[str, ExistingStep] = attrs.field(factory=dict)


def insert_steps(additions: Sequence[NewSteps]) -> Steps[list[dict[str, UUID]]]:
    """
    Insert steps and edges of runs, and return for each run the new ids by step key.

    Steps are inserted in the given order. Their definitions are locked, and the caller
    holds the runs' locks or has inserted the runs. Nothing is released.
    """
    pairs = [(new, step) for new in additions for step in new.steps]
    inserted = yield from batch(
        *(
            Call(INSERT_STEPS, _step_columns(part))
            for part in _parts(pairs, STEPS_PER_STATEMENT)
        )
    )
    new_ids = iter([step_id for [row] in inserted for step_id in row["step_ids"]])
    ids = [
        # Each run takes as many ids as it has steps, and leaves the rest to the next.
        {step.step_key: next(new_ids) for step in new.steps}
        for new in additions
    ]
    edges = [
        edge
        for new, own in zip(additions, ids, strict=True)
        for edge in _edges(new, own)
    ]
    if edges:
        yield from batch(
            *(
                Call(INSERT_EDGES, _edge_columns(part))
                for part in _parts(edges, EDGES_PER_STATEMENT)
            )
        )
    return ids


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _step_columns(pairs: Sequence[tuple[NewSteps, WorkflowStep]]) -> dict[str, Any]:
    """Turn the steps on their side: the statement takes a list a column."""
    steps = [step for _, step in pairs]
    owners = [s.effective_organization_id(new.organization_id) for new, s in pairs]
    deadlines = [s.deadline for s in steps]
    return {
        "run_ids": array_text(new.run_id for new, _ in pairs),
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
            sum(not _has_ended(edge, new.existing) for edge in s.dependencies)
            for new, s in pairs
        ),
        "unsatisfied_counts": array_text(
            sum(_is_unsatisfied(edge, new.existing) for edge in s.dependencies)
            for new, s in pairs
        ),
    }


def _has_ended(
    edge: WorkflowStepDependencySpec, existing: Mapping[str, ExistingStep]
) -> bool:
    prerequisite = existing.get(edge.prerequisite_step_key)
    return prerequisite is not None and prerequisite.status.is_terminal


def _is_unsatisfied(
    edge: WorkflowStepDependencySpec, existing: Mapping[str, ExistingStep]
) -> bool:
    prerequisite = existing.get(edge.prerequisite_step_key)
    return (
        edge.release_mode is DependencyReleaseMode.ON_SUCCESS
        and prerequisite is not None
        and prerequisite.status.is_terminal
        and prerequisite.status is not WorkflowStepStatus.SUCCEEDED
    )


_Edge: TypeAlias = tuple[str, str, str, DependencyReleaseMode, bool]


def _edges(new: NewSteps, ids: Mapping[str, UUID]) -> Iterator[_Edge]:
    """Yield run, prerequisite, dependent, mode and whether the output is passed on."""
    run_id = str(new.run_id)
    known = {key: str(step.id) for key, step in new.existing.items()}
    known.update((key, str(step_id)) for key, step_id in ids.items())
    for step in new.steps:
        step_id, inputs = known[step.step_key], frozenset(step.inputs)
        for edge in step.dependencies:
            key = edge.prerequisite_step_key
            yield run_id, known[key], step_id, edge.release_mode, key in inputs


def _edge_columns(edges: Sequence[_Edge]) -> dict[str, str]:
    names = (
        "run_ids",
        "prerequisite_ids",
        "dependent_ids",
        "release_modes",
        "passes_outputs",
    )
    columns = zip(*edges, strict=True)
    return dict(zip(names, map(array_text, columns), strict=True))
