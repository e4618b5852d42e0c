"""
Hold a run as a picture or a timeline wants it: its steps, edges and attempts.

These are values without behaviour. The storage layer reads them, and what draws them
needs no database.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - cattrs resolves the hints of attrs classes
from uuid import UUID  # noqa: TC003

import attrs

from .._statuses import (
    AttemptOutcome,
    DependencyReleaseMode,
    StepExecutionKind,
    WorkflowRunStatus,
    WorkflowStepStatus,
)


@attrs.frozen
class GraphAttempt:
    """
    One attempt of a step's job, in the order in which they were made.

    ``run_number`` counts the runs of the job: a step that was retried in place has
    attempts of more than one. ``finished_at`` and ``outcome`` are None while it runs.
    """

    run_number: int
    attempt: int
    started_at: datetime
    finished_at: datetime | None
    outcome: AttemptOutcome | None


@attrs.frozen
class GraphStep:
    """
    One step of a run.

    ``status`` is RUNNING while a worker holds the step's job. ``deadline_at`` is there
    for a gate that is open and has one. Between ``created_at`` and ``released_at`` the
    step was blocked, from then to ``started_at`` it waited for a worker.
    """

    key: str
    kind: StepExecutionKind
    status: WorkflowStepStatus
    job_type: str | None
    created_at: datetime
    released_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    deadline_at: datetime | None = None
    attempts: tuple[GraphAttempt, ...] = ()


@attrs.frozen
class GraphEdge:
    """One dependency, by the keys of its steps."""

    prerequisite_key: str
    dependent_key: str
    release_mode: DependencyReleaseMode = DependencyReleaseMode.ON_TERMINAL
    passes_output: bool = False


@attrs.frozen(kw_only=True)
class WorkflowGraph:
    """
    A run with all its steps and edges, as it was at ``observed_at``.

    Steps stand in the order of their insertion, edges in that of their dependents and
    prerequisites. All times are the database's.
    """

    run_id: UUID
    workflow_type: str
    status: WorkflowRunStatus
    status_reason: str | None = None
    result_step_key: str | None = None
    created_at: datetime
    finished_at: datetime | None = None
    observed_at: datetime
    steps: tuple[GraphStep, ...] = attrs.field(repr=lambda steps: f"<{len(steps)}>")
    edges: tuple[GraphEdge, ...] = attrs.field(repr=lambda edges: f"<{len(edges)}>")
