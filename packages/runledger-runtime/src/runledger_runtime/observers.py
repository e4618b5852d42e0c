"""Let a host watch what becomes of jobs, for metrics, traces and alarms."""

from __future__ import annotations

from collections.abc import (  # noqa: TC003  attrs resolves these at run time
    Awaitable,
    Callable,
    Mapping,
)
from datetime import datetime  # noqa: TC003  attrs resolves these at run time
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID  # noqa: TC003  attrs resolves these at run time

import attrs

from runledger_core import DeadLetterReason, JobCompletion, JobFailure

__all__ = [
    "DeadLettered",
    "HandlerEnd",
    "JobCompletionPersistFailed",
    "JobFailed",
    "JobLeaseLost",
    "JobLeaseReaped",
    "JobLifecycleObserver",
    "JobRunning",
    "JobSucceeded",
    "LeaseLoss",
    "ObservedJob",
    "RetryScheduled",
]


@attrs.frozen(kw_only=True)
class ObservedJob:
    """Which attempt of which job an event is about."""

    job_id: UUID
    job_type: str
    run_number: int
    attempt: int
    max_attempts: int
    worker_id: str
    organization_id: UUID | None


@attrs.frozen(kw_only=True)
class RetryScheduled:
    """The job will be tried again."""

    next_run_at: datetime | None


@attrs.frozen(kw_only=True)
class DeadLettered:
    """The job will not be tried again."""

    reason: DeadLetterReason


class LeaseLoss(StrEnum):
    """Why an attempt ended without an outcome."""

    GONE = "GONE"
    """The lease expired, was reaped, or could not be renewed in time."""
    CANCELED = "CANCELED"
    """Somebody canceled the job."""
    ABANDONED = "ABANDONED"
    """The worker had to stop and leaves the lease to expire."""


@attrs.frozen(kw_only=True)
class JobRunning:
    """
    A handler is about to be called; its claim was committed.

    Args:
        job: which one.
        waited_seconds: how long the job was due before it was claimed.
        trace_context: what its enqueue left of the trace to which it belonged.
    """

    job: ObservedJob
    waited_seconds: float
    trace_context: Mapping[str, str] | None = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class JobSucceeded:
    """Success was committed; *duration_seconds* is the handler's own time."""

    job: ObservedJob
    duration_seconds: float


@attrs.frozen(kw_only=True)
class JobFailed:
    """A failure was committed, and what it means for the job."""

    job: ObservedJob
    failure: JobFailure
    disposition: RetryScheduled | DeadLettered
    duration_seconds: float


@attrs.frozen(kw_only=True)
class JobCompletionPersistFailed:
    """
    The handler ended, and its outcome could not be committed: the job runs again.

    Args:
        job: which one.
        is_success: whether the outcome was one.
        code: why, as a stable error code.
        duration_seconds: the handler's own time.
    """

    job: ObservedJob
    is_success: bool
    code: str
    duration_seconds: float


@attrs.frozen(kw_only=True)
class JobLeaseLost:
    """The attempt ends here without an outcome."""

    job: ObservedJob
    loss: LeaseLoss


@attrs.frozen(kw_only=True)
class JobLeaseReaped:
    """
    This process's reaper took a job back; ``job.worker_id`` is who had it.

    Args:
        job: which one.
        disposition: what became of it.
        started_without_renewal_heartbeat: whether the lease was never renewed after
            the work began: the job may have taken its worker down.
    """

    job: ObservedJob
    disposition: RetryScheduled | DeadLettered
    started_without_renewal_heartbeat: bool


HandlerEnd: TypeAlias = JobCompletion | JobFailure | None
"""How a handler ended: with a result, a failure, or because it was cancelled."""


class JobLifecycleObserver:
    """
    Watch jobs: a subclass overrides what it wants to know; the rest costs nothing.

    What it is told has been committed, in order for each job, and soon after; but it
    is best effort. An observer that does not keep up misses what comes next, which is
    counted in the log; so does one whose process dies. Its exceptions are logged and
    harm nothing; a call has ten seconds.

    Methods may be ``async def``, in trio. Plain ones run where all tasks of the worker
    do, so they must not wait for anything.
    """

    def on_job_running(self, event: JobRunning) -> Awaitable[None] | None:
        """Learn that a handler is about to be called."""

    def on_job_succeeded(self, event: JobSucceeded) -> Awaitable[None] | None:
        """Learn that a job has succeeded."""

    def on_job_failed(self, event: JobFailed) -> Awaitable[None] | None:
        """Learn that an attempt has failed, and what that means for its job."""

    def on_job_completion_persist_failed(
        self, event: JobCompletionPersistFailed
    ) -> Awaitable[None] | None:
        """Learn that a handler's outcome was not committed."""

    def on_job_lease_lost(self, event: JobLeaseLost) -> Awaitable[None] | None:
        """Learn that an attempt ended without an outcome."""

    def on_job_lease_reaped(self, event: JobLeaseReaped) -> Awaitable[None] | None:
        """Learn that the reaper of this process took a job back."""

    def around_handler(self, event: JobRunning) -> Callable[[HandlerEnd], None] | None:
        """
        Be called in the handler's own task, right before it; return what comes after.

        This is no notification: it runs in line with the job, and context variables
        that it sets are the handler's, in a thread too. What it returns is called once
        with how the handler ended, which is not committed yet, and must set them back.
        It must not wait for anything.
        """
