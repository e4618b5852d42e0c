"""Read a run as its picture and its timeline want it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import (
    AttemptOutcome,
    DependencyReleaseMode,
    StepExecutionKind,
    WorkflowRunStatus,
    WorkflowStepStatus,
)
from runledger_core.workflows import GraphAttempt, GraphEdge, GraphStep, WorkflowGraph

from .._operation import operation
from .._statements import scoped_statement
from .._steps import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from runledger_core import Scope

    from .._steps import Row, Steps

READ_GRAPH = scoped_statement("workflows/read_graph")


@operation
def get_workflow_graph(run_id: UUID, *, scope: Scope) -> Steps[WorkflowGraph | None]:
    """
    Read a run with all its steps, edges and attempts; None when *scope* has none such.

    It is one moment of the run, which ``observed_at`` names. Reads the run whole, which
    for 10,000 steps and 50,000 edges takes about a second. Locks nothing.
    """
    chosen, extra = READ_GRAPH.within(scope)
    found = yield from rows(chosen, run_id=run_id, **extra)
    if not found:
        return None
    run = found[0]
    keys = {row["id"]: row["step_key"] for row in found}
    return WorkflowGraph(
        run_id=run_id,
        workflow_type=run["workflow_type"],
        status=WorkflowRunStatus(run["run_status"]),
        status_reason=run["run_status_reason"],
        result_step_key=run["result_step_key"],
        created_at=run["run_created_at"],
        finished_at=run["run_finished_at"],
        observed_at=run["observed_at"],
        steps=tuple(map(_step, found)),
        edges=tuple(edge for row in found for edge in _edges(row, keys)),
    )


def _step(row: Row) -> GraphStep:
    return GraphStep(
        key=row["step_key"],
        kind=StepExecutionKind(row["execution_kind"]),
        status=WorkflowStepStatus(row["status"]),
        job_type=row["job_type"],
        created_at=row["created_at"],
        released_at=row["released_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        deadline_at=row["deadline_at"],
        attempts=tuple(_attempts(row)),
    )


def _attempts(row: Row) -> Iterator[GraphAttempt]:
    names = ("run_numbers", "attempts", "starts", "ends", "outcomes")
    for run_number, attempt, start, end, outcome in zip(
        *(row[name] for name in names), strict=True
    ):
        ended = None if outcome is None else AttemptOutcome(outcome)
        yield GraphAttempt(run_number, attempt, start, end, ended)


def _edges(row: Row, keys: Mapping[UUID, str]) -> Iterator[GraphEdge]:
    names = ("prerequisite_ids", "release_modes", "passes_outputs")
    for step_id, mode, passes_output in zip(
        *(row[name] for name in names), strict=True
    ):
        yield GraphEdge(
            keys[step_id],
            row["step_key"],
            DependencyReleaseMode(mode),
            passes_output,
        )
