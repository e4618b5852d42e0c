"""Hold the state machines of jobs, workflow steps and workflow runs as tables.

Rule 1: whatever can happen to a status is a row here. The SQL guards are tested
against these rows, the diagrams are drawn from them, and the stateful test walks them.

Rule 2: a row whose source is None creates the thing; a row whose source and target
are equal changes other columns only. A terminal status is left only by a row that
says so: an operator's requeue of a job, which begins its next run, and the retry of a
failed step, which does that and takes back what followed from the failure.

``event_types`` are the entries that the change writes to the job's history, in this
order. Where a change may leave one of them out, `OPTIONAL_EVENT_TYPES` says so. Steps
and runs have no history of their own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeVar

import attrs

from ._statuses import JobEventType, JobStatus, WorkflowRunStatus, WorkflowStepStatus

StatusT = TypeVar("StatusT", JobStatus, WorkflowStepStatus, WorkflowRunStatus)


class JobTrigger(StrEnum):
    """Name what changes a job."""

    ENQUEUE = "ENQUEUE"
    """A request, a schedule or the release of a workflow step creates the job."""
    CLAIM = "CLAIM"
    """A worker takes the job and begins the next attempt."""
    HEARTBEAT = "HEARTBEAT"
    """The worker renews its lease."""
    MARK_RUNNING = "MARK_RUNNING"
    """A host that claims directly reports that its handler has started."""
    PROGRESS = "PROGRESS"
    """The worker reports progress or a checkpoint."""
    SUCCEED = "SUCCEED"
    """The worker reports success."""
    RETRY = "RETRY"
    """The worker reports a failure that another attempt may mend."""
    DEAD_LETTER = "DEAD_LETTER"
    """The worker reports a failure that ends the job."""
    REAP_RETRY = "REAP_RETRY"
    """The reaper finds the lease expired while attempts are left."""
    REAP_DEAD_LETTER = "REAP_DEAD_LETTER"
    """The reaper finds the lease of the last attempt expired."""
    RELEASE_CLAIM = "RELEASE_CLAIM"
    """The worker gives back a claim that it never started; no attempt is used up."""
    CANCEL = "CANCEL"
    """An operator, or the cancellation of a run, ends the job."""
    REQUEUE = "REQUEUE"
    """An operator begins the next run of a job that ended without success."""


class WorkflowStepTrigger(StrEnum):
    """Name what changes a workflow step."""

    INSERT = "INSERT"
    """The run is enqueued, or the step is appended to it."""
    RELEASE = "RELEASE"
    """The last prerequisite ended and all that had to succeed did."""
    CANCEL_UNSATISFIED = "CANCEL_UNSATISFIED"
    """The last prerequisite ended and one that had to succeed did not."""
    CLAIM = "CLAIM"
    """A worker claimed the step's job."""
    RETURN_TO_QUEUE = "RETURN_TO_QUEUE"
    """The step's job went back to the queue."""
    JOB_ENDED = "JOB_ENDED"
    """The step's job ended."""
    COMPLETE_EXTERNAL = "COMPLETE_EXTERNAL"
    """Somebody completed the external gate."""
    DEADLINE_PASSED = "DEADLINE_PASSED"
    """The deadline of the external gate passed while it was open."""
    CANCEL_RUN = "CANCEL_RUN"
    """The run was canceled, or stopped at its first fault."""
    RETRY = "RETRY"
    """An operator retried the failed step in place."""
    REOPEN = "REOPEN"
    """A step was retried because of which this one had been canceled."""


class WorkflowRunTrigger(StrEnum):
    """Name what changes a workflow run."""

    ENQUEUE = "ENQUEUE"
    """The run is created."""
    RECOMPUTE = "RECOMPUTE"
    """A step changed and the run's status is worked out from all of them."""
    CANCEL = "CANCEL"
    """Somebody canceled the run."""
    RETRY_STEP = "RETRY_STEP"
    """An operator retried a failed step of the run in place."""


@attrs.frozen
class Transition(Generic[StatusT]):
    """Allow one change of status. A source of None means that nothing was there."""

    source: StatusT | None
    target: StatusT
    trigger: str
    event_types: tuple[JobEventType, ...] = ()


# A batched renewal writes no event, and a report only the events for what it holds.
OPTIONAL_EVENT_TYPES = frozenset(
    {JobEventType.HEARTBEAT, JobEventType.STAGE_CHANGED, JobEventType.PROGRESS}
)


def _jobs() -> tuple[Transition[JobStatus], ...]:
    status, trigger, event = JobStatus, JobTrigger, JobEventType
    pending, leased = status.PENDING, status.LEASED
    dead, canceled = status.DEAD_LETTERED, status.CANCELED
    retried = (event.FAILED, event.RETRY_SCHEDULED)
    buried = (event.FAILED, event.DEAD_LETTERED)
    reported = (event.STAGE_CHANGED, event.PROGRESS)
    return (
        Transition(None, pending, trigger.ENQUEUE, (event.ENQUEUED,)),
        Transition(pending, leased, trigger.CLAIM, (event.LEASED,)),
        Transition(leased, leased, trigger.HEARTBEAT, (event.HEARTBEAT,)),
        Transition(leased, leased, trigger.MARK_RUNNING, reported),
        Transition(leased, leased, trigger.PROGRESS, (event.PROGRESS,)),
        Transition(leased, status.SUCCEEDED, trigger.SUCCEED, (event.SUCCEEDED,)),
        Transition(leased, pending, trigger.RETRY, retried),
        Transition(leased, dead, trigger.DEAD_LETTER, buried),
        Transition(leased, pending, trigger.REAP_RETRY, retried),
        Transition(leased, dead, trigger.REAP_DEAD_LETTER, buried),
        Transition(leased, pending, trigger.RELEASE_CLAIM, (event.REQUEUED,)),
        Transition(pending, canceled, trigger.CANCEL, (event.CANCELED,)),
        Transition(leased, canceled, trigger.CANCEL, (event.CANCELED,)),
        Transition(dead, pending, trigger.REQUEUE, (event.REQUEUED,)),
        Transition(canceled, pending, trigger.REQUEUE, (event.REQUEUED,)),
    )


def _steps() -> tuple[Transition[WorkflowStepStatus], ...]:
    status, trigger = WorkflowStepStatus, WorkflowStepTrigger
    blocked, waiting = status.BLOCKED, status.WAITING_FOR_EXTERNAL
    enqueued, running = status.ENQUEUED, status.RUNNING
    ended_by_job = tuple(
        Transition(source, target, trigger.JOB_ENDED)
        for source in (enqueued, running)
        for target in status.terminal()
    )
    completed = tuple(
        Transition(waiting, target, ending)
        for ending in (trigger.COMPLETE_EXTERNAL, trigger.DEADLINE_PASSED)
        for target in status.terminal()
    )
    return (
        Transition(None, blocked, trigger.INSERT),
        Transition(blocked, enqueued, trigger.RELEASE),
        Transition(blocked, waiting, trigger.RELEASE),
        Transition(blocked, status.CANCELED, trigger.CANCEL_UNSATISFIED),
        Transition(enqueued, running, trigger.CLAIM),
        Transition(running, running, trigger.CLAIM),
        Transition(running, enqueued, trigger.RETURN_TO_QUEUE),
        *ended_by_job,
        *completed,
        # A run's cancellation cancels the jobs of the others, which ends their steps.
        Transition(blocked, status.CANCELED, trigger.CANCEL_RUN),
        Transition(waiting, status.CANCELED, trigger.CANCEL_RUN),
        Transition(status.FAILED, enqueued, trigger.RETRY),
        Transition(status.CANCELED, blocked, trigger.REOPEN),
        Transition(status.CANCELED, enqueued, trigger.REOPEN),
    )


def _runs() -> tuple[Transition[WorkflowRunStatus], ...]:
    status, trigger = WorkflowRunStatus, WorkflowRunTrigger
    running, waiting = status.RUNNING, status.WAITING_FOR_EXTERNAL
    completed = (status.SUCCEEDED, status.COMPLETED_WITH_ERRORS)
    return (
        Transition(None, running, trigger.ENQUEUE),
        Transition(running, waiting, trigger.RECOMPUTE),
        Transition(waiting, running, trigger.RECOMPUTE),
        *(
            Transition(source, target, trigger.RECOMPUTE)
            for source in (running, waiting)
            for target in completed
        ),
        Transition(running, status.CANCELED, trigger.CANCEL),
        Transition(waiting, status.CANCELED, trigger.CANCEL),
        Transition(status.COMPLETED_WITH_ERRORS, running, trigger.RETRY_STEP),
    )


JOB_TRANSITIONS = _jobs()
WORKFLOW_STEP_TRANSITIONS = _steps()
WORKFLOW_RUN_TRANSITIONS = _runs()
