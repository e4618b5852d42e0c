"""
Run the jobs that were claimed.

A task for every job would cost a quarter of the worker's time when handlers are short,
and a cancel scope as much again. So jobs are run by slot tasks that take one job after
another, all under one scope. A slot task starts the next slot task before it calls a
handler, whenever more jobs are ready. If the handler blocks, the next task takes over
at once and every job has a task to itself, as if it had been started for it. If it does
not, the first task is back before the second has begun, and runs the next job as well.

What one job might leave to the next ends the turn: a scope that was cancelled is
replaced, and so is a task whose context variables were changed.
"""

from __future__ import annotations

from collections import deque
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from runledger_core import JobCompletion, JobFailure, RetryPolicy, fast_constructor

from ._context import JobContext
from ._handler_services import JobServices
from ._handler_threads import HandlerThreads
from ._held_jobs import CancelReason, HeldJob
from ._ledger import Failed, Outcome, Succeeded
from ._log_events import LogEvent, emit, is_heard
from ._outcomes import (
    completion_of,
    failure_of_exception,
    not_registered_failure,
    only_cancellation,
    timeout_failure,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextvars import Context

    from runledger_core import RetryDelay

    from ._handlers import HandlerEntry
    from ._held_jobs import HeldJobs
    from ._ledger import ClaimedJob
    from ._lifecycle import Lifecycle
    from ._reporter import Reporter
    from .registry import JobRegistry

_DEFAULT_RETRY: Final = RetryPolicy()
_new_context: Final = fast_constructor(JobContext)
_new_success: Final = fast_constructor(Succeeded)

# For how long a slot task may go on without letting other tasks run.
_TURN_SECONDS: Final = 0.005

# A failure of these codes says only that the handler was interrupted.
_SIDE_EFFECT_CODES: Final = frozenset({"job.handler_exception", "job.handler_panic"})


class Execution:
    """
    Run jobs in a nursery, and hand on their outcomes.

    Args:
        nursery: where the slot tasks run; it belongs to the worker.
        registry: the handlers.
        held: where jobs are kept until they are settled.
        settle: takes each job with its outcome.
        reporter: takes what handlers say meanwhile.
        lifecycle: is told of beginnings and ends.
        catches_interrupts: whether a KeyboardInterrupt from a handler is an outcome;
            otherwise it goes through.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        *,
        registry: JobRegistry,
        held: HeldJobs,
        settle: Callable[[HeldJob, Outcome], None],
        reporter: Reporter,
        lifecycle: Lifecycle,
        catches_interrupts: bool,
    ) -> None:
        self._nursery = nursery
        self._registry = registry
        self._held = held
        self._settle = settle
        self._reporter = reporter
        self._lifecycle = lifecycle
        self._passes_through = () if catches_interrupts else (KeyboardInterrupt,)
        self._clock = trio.lowlevel.current_clock()
        self._threads = HandlerThreads(held)
        self._ready: deque[HeldJob] = deque()
        self._is_slot_task_coming = False

    def start(self, claimed: Sequence[ClaimedJob], *, lease_until: float) -> None:
        """Start jobs whose leases hold until then at least; never blocks."""
        for each in claimed:
            job = HeldJob(each, lease_until)
            self._held.add(job)
            self._ready.append(job)
        self._have_slot_task()

    def take_unstarted(self) -> list[HeldJob]:
        """Hand back the jobs that have not begun, and hold them no more."""
        unstarted = list(self._ready)
        self._ready.clear()
        for job in unstarted:
            self._end(job, None)
        return [job for job in unstarted if job.cancel_reason is None]

    def _have_slot_task(self) -> None:
        if self._ready and not self._is_slot_task_coming:
            self._is_slot_task_coming = True
            self._nursery.start_soon(self._run_slot, name="runledger jobs")

    async def _run_slot(self) -> None:
        """Run ready jobs until there are none, or until one has left a trace."""
        self._is_slot_task_coming = False
        clean = copy_context()
        while self._ready and copy_context() == clean:
            await self._run_turn(clean)
        self._have_slot_task()

    async def _run_turn(self, clean: Context) -> None:
        """Run jobs under one scope, until it is cancelled or others should run."""
        job: HeldJob | None = None
        outcome: Outcome | None = None
        with trio.CancelScope() as scope:
            until = self._clock.current_time() + _TURN_SECONDS
            while (job := self._take()) is not None:
                outcome = None
                outcome = await self._run_one(job, scope)
                now = self._clock.current_time()
                # As `scope.cancel_called`, which would ask for the time once more.
                if job.cancel_reason is not None or now >= scope.deadline:
                    break
                self._end(job, outcome)
                if now > until or copy_context() != clean:
                    job = None
                    break
        if job is not None:
            self._end(job, self._outcome_after_cancellation(job, outcome))
        elif self._ready:
            await trio.lowlevel.checkpoint()

    def _take(self) -> HeldJob | None:
        """Take the next ready job, and see to it that another task takes the rest."""
        while self._ready:
            job = self._ready.popleft()
            if job.cancel_reason is None:
                self._have_slot_task()
                return job
            self._end(job, None)
        return None

    async def _run_one(self, job: HeldJob, scope: trio.CancelScope) -> Outcome:
        """Run one handler; the cancellation of its scope goes through."""
        claimed = job.claimed
        entry = self._registry.get(claimed.job_type)
        if entry is None:
            failure = not_registered_failure(claimed.job_type)
            return Failed(job.lease, failure, _DEFAULT_RETRY)
        job.is_async = entry.is_async
        job.begin(scope, self._clock)
        after = self._lifecycle.begin(job)
        result: JobCompletion | JobFailure | None = None
        try:
            result = completion_of(await self._call(entry, job))
        except (trio.Cancelled, *self._passes_through):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a handler may raise
            result = self._failure(error, job, entry)
        finally:
            if after is not None:
                after(result)
        if isinstance(result, JobCompletion):
            return _new_success(job.lease, result, is_step=claimed.step is not None)
        return Failed(job.lease, result, entry.retry)

    def _call(self, entry: HandlerEntry, job: HeldJob) -> Awaitable[object]:
        """Call the handler of a job with what it is to know."""
        claimed = job.claimed
        lease = claimed.lease
        payload: object = claimed.payload
        if entry.read_payload is not None:
            payload = entry.read_payload(payload)
        step = claimed.step
        context = _new_context(
            job_id=lease.job_id,
            run_number=lease.run_number,
            attempt=lease.attempt,
            max_attempts=claimed.max_attempts,
            organization_id=claimed.organization_id,
            worker_id=lease.worker_id,
            job_type=claimed.job_type,
            checkpoint=claimed.checkpoint,
            workflow_run_id=None if step is None else step.workflow_run_id,
            step_key=None if step is None else step.step_key,
            inputs={} if step is None else step.inputs,
            services=JobServices(job, self._reporter),
        )
        if entry.is_async:
            return entry.call(context, payload)  # type: ignore[no-any-return]  # is_async
        return self._threads.run(entry.call, context, payload, job=job)

    def _failure(
        self, error: BaseException, job: HeldJob, entry: HandlerEntry
    ) -> JobFailure:
        if isinstance(error, BaseExceptionGroup):
            cancellation = only_cancellation(error)
            if cancellation is not None:
                raise cancellation
        if is_heard(LogEvent.JOB_HANDLER_RAISED):
            emit(
                LogEvent.JOB_HANDLER_RAISED,
                "the handler of job %s (%s) raised",
                job.lease.job_id,
                entry.job_type,
                error=error,
                lease=job.lease,
                job_type=entry.job_type,
            )
        return failure_of_exception(error, entry.panic_on)

    def _end(self, job: HeldJob, outcome: Outcome | None) -> None:
        """Free the slot; settle the outcome, or let the lease expire without one."""
        if self._lifecycle.is_observed:
            job.ended_at = self._clock.current_time()
        self._held.end(job)
        if outcome is None:
            self._lifecycle.abandoned(job)
            self._held.forget(job)
        elif job.has_reported:
            self._reporter.end(job, partial(self._settle, job, outcome))
        else:
            self._settle(job, outcome)

    def _outcome_after_cancellation(
        self, job: HeldJob, outcome: Outcome | None
    ) -> Outcome | None:
        """
        Decide what a handler's end means once its scope was cancelled.

        When time is up the attempt has failed, even if the handler was ready a moment
        later: what it returned may be what it returns when it is interrupted. After a
        request to shut down its result counts if it made it. A lost lease leaves
        nothing to be written.
        """
        match job.cancel_reason:
            case None | CancelReason.TIMEOUT:
                job.cancel_reason = CancelReason.TIMEOUT
                failure = timeout_failure(job.claimed.timeout_seconds)
                return Failed(job.lease, failure, self._retry_of(job))
            case CancelReason.SHUTDOWN if not _is_side_effect(outcome):
                return outcome
            case _:
                return None

    def _retry_of(self, job: HeldJob) -> RetryDelay:
        entry = self._registry.get(job.claimed.job_type)
        return _DEFAULT_RETRY if entry is None else entry.retry


RUN_ONE_CODE: Final = Execution._run_one.__code__  # noqa: SLF001
"""Marks the frame under which a handler runs; its ``job`` is the job."""


def _is_side_effect(outcome: Outcome | None) -> bool:
    """Tell whether a handler failed only because it was interrupted."""
    return isinstance(outcome, Failed) and outcome.failure.code in _SIDE_EFFECT_CODES
