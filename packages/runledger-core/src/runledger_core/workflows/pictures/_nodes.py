"""Reduce a workflow to what a picture shows: nodes, each for one step or many alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from ..._statuses import DependencyReleaseMode, StepExecutionKind
from .._graph_view import GraphEdge, GraphStep, WorkflowGraph
from ._layers import layers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ..._statuses import WorkflowStepStatus
    from .._run import WorkflowRunEnqueue

# More than these are no picture any more, and slow to draw.
_MOST_NODES: Final = 400

_Colors: TypeAlias = "dict[str, int]"


@attrs.frozen
class Node:
    """One or more steps that are alike."""

    label: str
    kind: StepExecutionKind
    job_type: str | None
    step_keys: tuple[str, ...]
    # Empty for a workflow that is only planned.
    steps: tuple[GraphStep, ...] = ()
    is_result: bool = False

    @property
    def is_gate(self) -> bool:
        return self.kind is StepExecutionKind.EXTERNAL

    @property
    def count(self) -> int:
        return len(self.step_keys)

    def counts(self) -> Counter[WorkflowStepStatus]:
        """Count the steps by status."""
        return Counter(step.status for step in self.steps)

    def status(self) -> WorkflowStepStatus | None:
        """Return the status if all steps have the same."""
        counts = self.counts()
        return next(iter(counts)) if len(counts) == 1 else None


@attrs.frozen
class Link:
    """The edges from one node to another, by the nodes' positions."""

    source: int
    target: int
    needs_success: bool
    passes_output: bool
    count: int = 1


@attrs.frozen
class Picture:
    """What the renderers draw."""

    title: str
    subtitle: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    began_at: datetime | None = None
    ended_at: datetime | None = None


def picture_of(
    run: WorkflowGraph | WorkflowRunEnqueue, *, collapse_above: int
) -> Picture:
    """Return the nodes and links of a run or a request."""
    if isinstance(run, WorkflowGraph):
        return _picture_of_graph(run, collapse_above)
    edges = [
        GraphEdge(
            dependency.prerequisite_step_key,
            step.step_key,
            dependency.release_mode,
            dependency.prerequisite_step_key in step.inputs,
        )
        for step in run.steps
        for dependency in step.dependencies
    ]
    kinds = {step.step_key: (step.execution_kind, step.job_type) for step in run.steps}
    nodes, links = _reduce(kinds, edges, run.result_step_key, {}, collapse_above)
    return Picture(run.workflow_type, f"{len(kinds)} steps, planned", nodes, links)


def _picture_of_graph(graph: WorkflowGraph, collapse_above: int) -> Picture:
    kinds = {step.key: (step.kind, step.job_type) for step in graph.steps}
    steps = {step.key: step for step in graph.steps}
    nodes, links = _reduce(
        kinds, graph.edges, graph.result_step_key, steps, collapse_above
    )
    subtitle = f"{len(steps)} steps, {graph.status.value}"
    if graph.status_reason:
        subtitle += f": {graph.status_reason}"
    return Picture(
        title=graph.workflow_type,
        subtitle=subtitle,
        nodes=nodes,
        links=links,
        began_at=graph.created_at,
        ended_at=graph.finished_at or graph.observed_at,
    )


def _reduce(
    kinds: Mapping[str, tuple[StepExecutionKind, str | None]],
    edges: Iterable[GraphEdge],
    result_key: str | None,
    steps: Mapping[str, GraphStep],
    collapse_above: int,
) -> tuple[tuple[Node, ...], tuple[Link, ...]]:
    edges = list(edges)
    members: dict[int, list[str]] = defaultdict(list)
    if len(kinds) > collapse_above:
        for key, color in _alike(kinds, edges, result_key).items():
            members[color].append(key)
    else:
        members.update((index, [key]) for index, key in enumerate(kinds))
    position = {key: n for n, keys in enumerate(members.values()) for key in keys}
    nodes = tuple(
        Node(
            label=_label(keys),
            kind=kinds[keys[0]][0],
            job_type=kinds[keys[0]][1],
            step_keys=tuple(keys),
            steps=tuple(steps[key] for key in keys if key in steps),
            is_result=result_key in keys,
        )
        for keys in members.values()
    )
    counted = Counter(
        (
            position[edge.prerequisite_key],
            position[edge.dependent_key],
            edge.release_mode is DependencyReleaseMode.ON_SUCCESS,
            edge.passes_output,
        )
        for edge in edges
    )
    return nodes, tuple(Link(*ends, count=count) for ends, count in counted.items())


def _alike(
    kinds: Mapping[str, tuple[StepExecutionKind, str | None]],
    edges: Sequence[GraphEdge],
    result_key: str | None,
) -> _Colors:
    """
    Give the same number to steps that no picture needs to tell apart.

    Steps of one kind, job type and layer start alike, and are told apart as long as
    their neighbours are. How many neighbours of a number there are does not count: a
    hundred chains of two steps become one chain of two nodes. The layers keep edges
    between the nodes as acyclic as those between the steps. When too many nodes would
    be left, the neighbours are not looked at.
    """
    neighbours: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    for edge in edges:
        is_strict = edge.release_mode is DependencyReleaseMode.ON_SUCCESS
        neighbours[edge.prerequisite_key].append(("to", edge.dependent_key, is_strict))
        neighbours[edge.dependent_key].append(("of", edge.prerequisite_key, is_strict))
    layers = layers_of(kinds, [(e.prerequisite_key, e.dependent_key) for e in edges])
    colors = coarse = _numbered(
        {key: (kinds[key], layers[key], key == result_key) for key in kinds}
    )
    while True:
        refined = _numbered(
            {
                key: (
                    color,
                    frozenset(
                        (side, colors[other], is_strict)
                        for side, other, is_strict in neighbours[key]
                    ),
                )
                for key, color in colors.items()
            }
        )
        count = len(set(refined.values()))
        if count > _MOST_NODES:
            return coarse
        if count == len(set(colors.values())):
            return colors
        colors = refined


def _numbered(signatures: Mapping[str, object]) -> _Colors:
    numbers: dict[object, int] = {}
    return {
        key: numbers.setdefault(signature, len(numbers))
        for key, signature in signatures.items()
    }


def _label(keys: Sequence[str]) -> str:
    """Name a node by its step, or by what its steps' names have in common."""
    if len(keys) == 1:
        return keys[0]
    first, last = min(keys), max(keys)
    length = next(
        (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        min(len(first), len(last)),
    )
    # Names that are numbered with leading zeros have some of those in common too.
    common = first[:length].rstrip("0123456789")
    return f"{common}*" if common else f"{keys[0]}, ..."
