"""What the storage layer hands out about workflows: a run or a step a value."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  attrs resolves these at run time
from uuid import UUID  # noqa: TC003

import attrs

from runledger_core import (
    JsonValue,
    StepExecutionKind,
    WorkflowRunStatus,
    WorkflowStepStatus,
)

from ..records import EnqueueDisposition  # noqa: TC001


@attrs.frozen
class WorkflowRunRecord:
    """
    One run of a workflow.

    Each of its ``step_count`` steps has ended, is enqueued (or running), waits for
    somebody outside, or is blocked. ``unsuccessful_step_count`` of the ended ones
    failed or were canceled. ``result`` is the output of the result step, once the run
    has succeeded.
    """

    id: UUID
    workflow_type: str
    organization_id: UUID | None
    status: WorkflowRunStatus = attrs.field(converter=WorkflowRunStatus)
    status_reason: str | None
    idempotency_key: str | None = attrs.field(repr=False)
    metadata: JsonValue = attrs.field(repr=False)
    fail_fast: bool
    result_step_key: str | None
    result: JsonValue = attrs.field(repr=False)
    step_count: int
    ended_step_count: int
    enqueued_step_count: int
    waiting_step_count: int
    unsuccessful_step_count: int
    started_at: datetime
    finished_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def blocked_step_count(self) -> int:
        """How many steps wait for others."""
        return self.step_count - (
            self.ended_step_count + self.enqueued_step_count + self.waiting_step_count
        )


@attrs.frozen
class WorkflowRunSummary:
    """One run as a list shows it: no metadata and no result."""

    id: UUID
    workflow_type: str
    organization_id: UUID | None
    status: WorkflowRunStatus = attrs.field(converter=WorkflowRunStatus)
    status_reason: str | None
    idempotency_key: str | None = attrs.field(repr=False)
    fail_fast: bool
    result_step_key: str | None
    step_count: int
    ended_step_count: int
    enqueued_step_count: int
    waiting_step_count: int
    unsuccessful_step_count: int
    started_at: datetime
    finished_at: datetime | None
    created_at: datetime
    updated_at: datetime


@attrs.frozen
class WorkflowRunPage:
    """
    A page of runs, and where the next one starts (None after the last).

    The cursor is text that a URL can carry; what it says is nobody's business.
    """

    items: tuple[WorkflowRunSummary, ...]
    next_cursor: str | None


@attrs.frozen
class WorkflowRunEnqueueOutcome:
    """The run an enqueue stands for now, whoever inserted it."""

    run: WorkflowRunRecord
    disposition: EnqueueDisposition


@attrs.frozen
class WorkflowStepRecord:
    """
    One step of a run.

    ``status`` is RUNNING while a worker holds the step's job, and ``started_at`` is
    then the job's. A gate has no job type, priority, attempts, timeout, stage and job.
    ``deadline_at`` is there while a gate with a deadline is open.
    """

    id: UUID
    workflow_run_id: UUID
    step_key: str
    execution_kind: StepExecutionKind = attrs.field(converter=StepExecutionKind)
    status: WorkflowStepStatus = attrs.field(converter=WorkflowStepStatus)
    job_type: str | None
    organization_id: UUID | None
    payload: JsonValue = attrs.field(repr=False)
    priority: int | None
    max_attempts: int | None
    timeout_seconds: int | None
    stage: str | None
    job_id: UUID | None
    output: JsonValue = attrs.field(repr=False)
    status_reason: str | None
    last_error_code: str | None
    last_error_message: str | None = attrs.field(repr=False)
    dependency_count_total: int
    dependency_count_pending: int
    dependency_count_unsatisfied: int
    deadline_at: datetime | None
    released_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    updated_at: datetime


@attrs.frozen
class WorkflowStepPage:
    """A page of a run's steps, and where the next one starts (None after the last)."""

    items: tuple[WorkflowStepRecord, ...]
    next_cursor: str | None
