"""Name every status, event, outcome and stage exactly as the schema does."""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """Be the status of a job; the SQL type is ``job_status``."""

    PENDING = "PENDING"
    """The job waits until its next_run_at has come and a worker claims it."""
    LEASED = "LEASED"
    """A worker holds the job until its lease expires."""
    SUCCEEDED = "SUCCEEDED"
    """The job has ended and its output is stored."""
    DEAD_LETTERED = "DEAD_LETTERED"
    """The job has failed for good; only an operator can requeue it."""
    CANCELED = "CANCELED"
    """Somebody ended the job before it could succeed or fail."""

    @property
    def is_terminal(self) -> bool:
        """Whether a job in this status has ended."""
        return self in _TERMINAL_JOB_STATUSES

    @classmethod
    def terminal(cls) -> tuple[JobStatus, ...]:
        """Return the statuses of jobs that have ended, in the schema's order."""
        return _TERMINAL_JOB_STATUSES


_TERMINAL_JOB_STATUSES = (
    JobStatus.SUCCEEDED,
    JobStatus.DEAD_LETTERED,
    JobStatus.CANCELED,
)


class JobEventType(StrEnum):
    """Be the type of an entry in a job's history; SQL type ``job_event_type``."""

    ENQUEUED = "ENQUEUED"
    """The job was created."""
    LEASED = "LEASED"
    """A worker claimed the job and began an attempt."""
    HEARTBEAT = "HEARTBEAT"
    """The worker renewed its lease by a single call; batched renewals leave none."""
    STAGE_CHANGED = "STAGE_CHANGED"
    """The job reported another stage."""
    PROGRESS = "PROGRESS"
    """The job reported how far it is."""
    RETRY_SCHEDULED = "RETRY_SCHEDULED"
    """The job went back to the queue for another attempt."""
    SUCCEEDED = "SUCCEEDED"
    """The attempt succeeded and ended the job."""
    FAILED = "FAILED"
    """The attempt failed; a retry or a dead letter follows in the same instant."""
    DEAD_LETTERED = "DEAD_LETTERED"
    """The failure ended the job."""
    CANCELED = "CANCELED"
    """The job was canceled."""
    REQUEUED = "REQUEUED"
    """The job went back to the queue without a failure."""


class AttemptOutcome(StrEnum):
    """Be how an attempt ended; SQL type ``job_failure_kind``."""

    RETRYABLE = "RETRYABLE"
    """The attempt failed in a way that another attempt may mend."""
    TERMINAL = "TERMINAL"
    """The attempt failed in a way that no other attempt can mend."""
    PANICKED = "PANICKED"
    """The handler broke down in a way that makes another attempt unsafe."""
    TIMEOUT = "TIMEOUT"
    """The attempt ran longer than its timeout."""
    LEASE_EXPIRED = "LEASE_EXPIRED"
    """The worker stopped renewing the lease and the reaper took the job back."""
    SUCCEEDED = "SUCCEEDED"
    """The attempt did its work."""
    CANCELED = "CANCELED"
    """The job was canceled during the attempt."""
    CONTINUED = "CONTINUED"
    """The attempt did its part and asked for a next run."""
    RELEASED = "RELEASED"
    """The worker gave the claim back before it started the handler."""


class FailureKind(StrEnum):
    """Be how a handler failed: the outcomes that are failures."""

    RETRYABLE = "RETRYABLE"
    """Try again, until the attempts are used up."""
    TERMINAL = "TERMINAL"
    """Do not try again: the same work would fail in the same way."""
    PANICKED = "PANICKED"
    """Do not try again: nobody knows what state the handler left behind."""
    TIMEOUT = "TIMEOUT"
    """The time was up; try again."""
    LEASE_EXPIRED = "LEASE_EXPIRED"
    """The lease was lost; try again."""


class JobStage(StrEnum):
    """Be a stage that Runledger itself writes; other stages are free text."""

    QUEUED = "queued"
    """The job waits; the default when a request names no stage."""
    SCHEDULED = "scheduled"
    """A schedule enqueued the job."""
    RUNNING = "running"
    """A worker runs the handler."""
    COMPLETED = "completed"
    """The job has succeeded."""


class WorkflowRunStatus(StrEnum):
    """Be the status of a workflow run; SQL type ``workflow_run_status``."""

    RUNNING = "RUNNING"
    """At least one step is enqueued or running."""
    WAITING_FOR_EXTERNAL = "WAITING_FOR_EXTERNAL"
    """No step can go on before somebody outside completes a gate."""
    SUCCEEDED = "SUCCEEDED"
    """Every step has succeeded."""
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    """Every step has ended and at least one failed or was canceled."""
    CANCELED = "CANCELED"
    """Somebody canceled the whole run."""

    @property
    def is_terminal(self) -> bool:
        """Whether a run in this status has ended."""
        return self in _TERMINAL_RUN_STATUSES

    @classmethod
    def terminal(cls) -> tuple[WorkflowRunStatus, ...]:
        """Return the statuses of runs that have ended, in the schema's order."""
        return _TERMINAL_RUN_STATUSES


_TERMINAL_RUN_STATUSES = (
    WorkflowRunStatus.SUCCEEDED,
    WorkflowRunStatus.COMPLETED_WITH_ERRORS,
    WorkflowRunStatus.CANCELED,
)


class WorkflowStepStatus(StrEnum):
    """Be the status of a workflow step; SQL type ``workflow_step_status``."""

    BLOCKED = "BLOCKED"
    """The step waits for the steps before it."""
    WAITING_FOR_EXTERNAL = "WAITING_FOR_EXTERNAL"
    """The external gate is open until somebody completes it."""
    ENQUEUED = "ENQUEUED"
    """The step's job waits to be claimed."""
    RUNNING = "RUNNING"
    """A worker holds the step's job."""
    SUCCEEDED = "SUCCEEDED"
    """The step did its work."""
    FAILED = "FAILED"
    """The step's job was dead-lettered, or its gate was completed as failed."""
    CANCELED = "CANCELED"
    """The step was canceled, or a step that it needs did not succeed."""

    @property
    def is_terminal(self) -> bool:
        """Whether a step in this status has ended."""
        return self in _TERMINAL_STEP_STATUSES

    @classmethod
    def terminal(cls) -> tuple[WorkflowStepStatus, ...]:
        """Return the statuses of steps that have ended, in the schema's order."""
        return _TERMINAL_STEP_STATUSES


_TERMINAL_STEP_STATUSES = (
    WorkflowStepStatus.SUCCEEDED,
    WorkflowStepStatus.FAILED,
    WorkflowStepStatus.CANCELED,
)


class DependencyReleaseMode(StrEnum):
    """Say what a step needs; SQL type ``workflow_dependency_release_mode``."""

    ON_TERMINAL = "ON_TERMINAL"
    """The prerequisite must have ended, no matter how; the default."""
    ON_SUCCESS = "ON_SUCCESS"
    """The prerequisite must have succeeded; otherwise the step is canceled."""


class StepExecutionKind(StrEnum):
    """Say who carries a step out; SQL type ``workflow_step_execution_kind``."""

    JOB = "JOB"
    """A worker does, by a job that is enqueued when the step is released."""
    EXTERNAL = "EXTERNAL"
    """Somebody outside does, and completes the gate by a call."""
