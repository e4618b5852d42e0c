"""Tell of what happens to jobs: to the log, to observers, to dead-letter hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runledger_core import CODES, JobFailure

from ._dead_letter_hooks import DeadLetterHooks
from ._held_jobs import CancelReason
from ._ledger import Failed, Succeeded
from ._log_events import LogEvent, emit, is_heard
from ._observer_feed import ObserverFeed
from .observers import (
    DeadLettered,
    HandlerEnd,
    JobCompletionPersistFailed,
    JobFailed,
    JobLeaseLost,
    JobLeaseReaped,
    JobLifecycleObserver,
    JobRunning,
    JobSucceeded,
    LeaseLoss,
    ObservedJob,
    RetryScheduled,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import trio

    from runledger_core import RunledgerError

    from ._held_jobs import HeldJob
    from ._ledger import ReapedJob, SettledJob
    from .registry import JobRegistry

_EXPIRED = "job.lease_expired"


class Lifecycle:
    """
    Be told by the loops, once, and tell whom it concerns.

    With no observers and an ordinary log level it does nothing for a job that
    succeeds but look whether there is something to do.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        registry: JobRegistry,
        observers: Sequence[JobLifecycleObserver] = (),
        *,
        catches_interrupts: bool = False,
    ) -> None:
        self._hooks = DeadLetterHooks(
            nursery, registry, catches_interrupts=catches_interrupts
        )
        self._feeds = [ObserverFeed(observer, nursery) for observer in observers]
        self._surrounding = [
            observer
            for observer in observers
            if type(observer).around_handler is not JobLifecycleObserver.around_handler
        ]
        self.is_observed: bool = bool(observers)

    def begin(self, job: HeldJob) -> Callable[[HandlerEnd], None] | None:
        """A handler is about to be called; return what is called after it, if any."""
        if not self.is_observed and not is_heard(LogEvent.JOB_STARTED):
            return None
        _emit(LogEvent.JOB_STARTED, "job %s (%s), attempt %d, starts", job)
        event: JobRunning | None = None
        if self.is_observed:
            event = JobRunning(
                job=_observed(job),
                waited_seconds=job.claimed.waited_seconds,
                trace_context=job.claimed.trace_context,
            )
            self._put("on_job_running", event)
        if event is None or not self._surrounding:
            return None
        return _surrounded(self._surrounding, event)

    def settled(
        self, job: HeldJob, outcome: Succeeded | Failed, result: SettledJob
    ) -> None:
        """The outcome was committed."""
        if isinstance(outcome, Failed):
            self._failed(job, outcome.failure, result)
        elif self.is_observed or is_heard(LogEvent.JOB_SUCCEEDED):
            _emit(LogEvent.JOB_SUCCEEDED, "job %s (%s), attempt %d, succeeded", job)
            if self._is_wanted("on_job_succeeded"):
                event = JobSucceeded(
                    job=_observed(job), duration_seconds=job.duration_seconds
                )
                self._put("on_job_succeeded", event)

    def not_settled(
        self, job: HeldJob, outcome: Succeeded | Failed, error: RunledgerError
    ) -> None:
        """The outcome was given up."""
        emit(
            LogEvent.JOB_NOT_SETTLED,
            "the outcome of job %s, attempt %d, was not settled; %s",
            job.lease.job_id,
            job.lease.attempt,
            error.internal_message(),
            lease=job.lease,
            job_type=job.claimed.job_type,
            code=error.code,
        )
        if self._is_wanted("on_job_completion_persist_failed"):
            event = JobCompletionPersistFailed(
                job=_observed(job),
                is_success=isinstance(outcome, Succeeded),
                code=error.code,
                duration_seconds=job.duration_seconds,
            )
            self._put("on_job_completion_persist_failed", event)

    def lease_lost(
        self, job: HeldJob, why: str, loss: LeaseLoss = LeaseLoss.GONE
    ) -> None:
        """The job is not this worker's any more: end the handler, and say so once."""
        if job.cancel_reason is None:
            self._lost(job, why, loss)
        job.cancel(CancelReason.LEASE_LOST)

    def abandoned(self, job: HeldJob) -> None:
        """A handler ended without an outcome, by the worker's own will."""
        if job.cancel_reason is CancelReason.SHUTDOWN:
            self._lost(job, "its worker stops", LeaseLoss.ABANDONED)

    def reaped(self, job: ReapedJob) -> None:
        """The reaper took a job back."""
        reason = job.dead_letter_reason
        if reason is not None:
            self._hooks.start(
                lease=job.lease,
                job_type=job.job_type,
                organization_id=job.organization_id,
                max_attempts=job.max_attempts,
                payload=job.payload,
                checkpoint=job.checkpoint,
                failure=JobFailure.lease_expired(_EXPIRED, CODES[_EXPIRED].problem),
                reason=reason,
            )
        if self._is_wanted("on_job_lease_reaped"):
            event = JobLeaseReaped(
                job=ObservedJob(
                    job_id=job.lease.job_id,
                    job_type=job.job_type,
                    run_number=job.lease.run_number,
                    attempt=job.lease.attempt,
                    max_attempts=job.max_attempts,
                    worker_id=job.lease.worker_id,
                    organization_id=job.organization_id,
                ),
                disposition=RetryScheduled(next_run_at=job.next_run_at)
                if reason is None
                else DeadLettered(reason=reason),
                started_without_renewal_heartbeat=job.started_without_renewal_heartbeat,
            )
            self._put("on_job_lease_reaped", event)

    async def wait_done(self) -> None:
        """Wait until hooks and observers have dealt with all there is."""
        await self._hooks.wait_done()
        for feed in self._feeds:
            await feed.wait_done()

    def _failed(self, job: HeldJob, failure: JobFailure, result: SettledJob) -> None:
        reason = result.dead_letter_reason
        event = LogEvent.JOB_RETRIED if reason is None else LogEvent.JOB_DEAD_LETTERED
        meaning = "is tried again" if reason is None else "is a dead letter"
        _emit(
            event,
            f"job %s (%s), attempt %d, {meaning}: %s",
            job,
            failure.code,
            code=failure.code,
            kind=failure.kind.value,
        )
        if self._is_wanted("on_job_failed"):
            observed = JobFailed(
                job=_observed(job),
                failure=failure,
                disposition=RetryScheduled(next_run_at=result.next_run_at)
                if reason is None
                else DeadLettered(reason=reason),
                duration_seconds=job.duration_seconds,
            )
            self._put("on_job_failed", observed)
        if reason is not None:
            claimed = job.claimed
            self._hooks.start(
                lease=job.lease,
                job_type=claimed.job_type,
                organization_id=claimed.organization_id,
                max_attempts=claimed.max_attempts,
                payload=claimed.payload,
                checkpoint=job.checkpoint,
                failure=failure,
                reason=reason,
            )

    def _lost(self, job: HeldJob, why: str, loss: LeaseLoss) -> None:
        _emit(
            LogEvent.JOB_LEASE_LOST,
            "giving up job %s (%s), attempt %d: %s",
            job,
            why,
            loss=loss.value,
        )
        if self._is_wanted("on_job_lease_lost"):
            self._put("on_job_lease_lost", JobLeaseLost(job=_observed(job), loss=loss))

    def _is_wanted(self, name: str) -> bool:
        return any(feed.wants(name) for feed in self._feeds)

    def _put(self, name: str, event: Any) -> None:
        for feed in self._feeds:
            if feed.wants(name):
                feed.put(name, event.job.job_id, event)


def _surrounded(
    observers: Sequence[JobLifecycleObserver], event: JobRunning
) -> Callable[[HandlerEnd], None]:
    """Call what observers want before a handler; return what they want after it."""
    after: list[tuple[JobLifecycleObserver, Callable[[HandlerEnd], None]]] = []
    for observer in observers:
        try:
            close = observer.around_handler(event)
        except Exception as error:  # noqa: BLE001 - an observer harms nothing
            _observer_failed(observer, error)
        else:
            if close is not None:
                after.append((observer, close))

    def end(how: HandlerEnd) -> None:
        for observer, close in reversed(after):
            try:
                close(how)
            except Exception as error:  # noqa: BLE001 - an observer harms nothing
                _observer_failed(observer, error)

    return end


def _observer_failed(observer: JobLifecycleObserver, error: Exception) -> None:
    name = type(observer).__qualname__
    emit(
        LogEvent.OBSERVER_FAILED,
        "around_handler of observer %s failed",
        name,
        error=error,
        observer=name,
    )


def _observed(job: HeldJob) -> ObservedJob:
    claimed = job.claimed
    lease = claimed.lease
    return ObservedJob(
        job_id=lease.job_id,
        job_type=claimed.job_type,
        run_number=lease.run_number,
        attempt=lease.attempt,
        max_attempts=claimed.max_attempts,
        worker_id=lease.worker_id,
        organization_id=claimed.organization_id,
    )


def _emit(
    event: LogEvent, message: str, job: HeldJob, *more: object, **fields: Any
) -> None:
    if is_heard(event):
        emit(
            event,
            message,
            job.lease.job_id,
            job.claimed.job_type,
            job.lease.attempt,
            *more,
            lease=job.lease,
            job_type=job.claimed.job_type,
            **fields,
        )
