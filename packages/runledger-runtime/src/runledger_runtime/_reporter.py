"""Write down what handlers report while they run, that of many jobs together."""

from __future__ import annotations

import math
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import attrs
import trio

from runledger_core import JobFailure, RunledgerError

from ._handler_ledger import Report, SavedValue
from ._held_jobs import CancelReason
from ._job_log import JobLog
from ._log_events import LogEvent, emit
from ._ticks import Backoff
from .errors import JobCancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runledger_core import JsonValue

    from ._held_jobs import HeldJob
    from ._ledger import Ledger
    from ._lifecycle import Lifecycle

# How often what changes all the time is written.
_PAUSE_SECONDS: Final = 0.25
# How often an end of a job waits for its last report before it goes without.
_LAST_TRIES: Final = 5


@attrs.define(eq=False, kw_only=True)
class _Pending:
    """What one job reported and is not written yet; the newest of each counts."""

    done: int | None = None
    total: int | None = None
    stage: str | None = None
    checkpoint: SavedValue | None = None
    waiters: list[Future[None]] = attrs.field(factory=list)
    then: Callable[[], None] | None = None
    tries_count: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return (self.done, self.total, self.stage, self.checkpoint) == (None,) * 4

    def report_of(self, job: HeldJob) -> Report:
        """Return what the ledger is asked to write."""
        return Report(
            lease=job.lease,
            stage=self.stage,
            progress_done=self.done,
            progress_total=self.total,
            checkpoint=self.checkpoint,
        )

    def take_older(self, older: _Pending) -> None:
        """Come after *older*, which was not written."""
        self.done = older.done if self.done is None else self.done
        self.total = older.total if self.total is None else self.total
        self.stage = older.stage if self.stage is None else self.stage
        self.checkpoint = self.checkpoint or older.checkpoint
        self.waiters[:0] = older.waiters
        self.then = self.then or older.then
        self.tries_count = older.tries_count + 1

    def resolve(self, error: BaseException | None) -> None:
        """Let those go on who wait for the checkpoint."""
        for waiter in self.waiters:
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
        self.waiters.clear()


class Reporter:
    """
    Take what handlers say, from any thread, and write it in batches.

    Progress is coalesced: the first value leaves at once, then the newest of each job
    every quarter of a second. A checkpoint somebody waits for, and the end of a job
    that said something, leave at once with all that is there. So the cost is bounded by
    time, not by what handlers do.

    Every report is fenced by its lease; one that finds the lease gone ends the handler.
    What cannot be written for a passing reason is tried again, while the lease lives.
    """

    def __init__(
        self,
        ledger: Ledger,
        lifecycle: Lifecycle,
        *,
        timeout_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._lifecycle = lifecycle
        self._is_transient = ledger.is_transient
        self._timeout_seconds = timeout_seconds
        self._log = JobLog()
        self._lock = threading.Lock()
        self._pending: dict[HeldJob, _Pending] = {}
        self._in_flight: dict[HeldJob, _Pending] = {}
        self._is_closed = False
        self._token = trio.lowlevel.current_trio_token()
        self._thread_id = threading.get_ident()
        self._has_some = trio.Event()
        self._is_urgent = trio.Event()
        self._has_passed = trio.Event()
        self._backoff = Backoff()

    @property
    def is_in_this_thread(self) -> bool:
        """Whether the caller is where the worker's tasks run."""
        return threading.get_ident() == self._thread_id

    def put_progress(
        self, job: HeldJob, *, done: int | None, total: int | None, stage: str | None
    ) -> None:
        """Take progress; that of a job which is over is ignored."""
        if not _is_over(job):
            self._add(job, _Pending(done=done, total=total, stage=stage))

    def put_line(
        self, job: HeldJob, message: str, *, level: str, fields: Mapping[str, JsonValue]
    ) -> None:
        """Take a line of a job's log."""
        self._log.add(job.lease, message, level=level, fields=fields)
        self._wake(is_urgent=False)

    async def save_checkpoint(self, job: HeldJob, value: JsonValue) -> None:
        """Take a checkpoint and wait until it is written."""
        saved = self._put_checkpoint(job, value)
        is_done = trio.Event()
        saved.add_done_callback(lambda _: is_done.set())
        await is_done.wait()
        saved.result()

    def save_checkpoint_from_thread(self, job: HeldJob, value: JsonValue) -> None:
        """Take a checkpoint and block until it is written."""
        self._put_checkpoint(job, value).result()

    def end(self, job: HeldJob, then: Callable[[], None]) -> None:
        """Call *then* when all that the job reported is written, or given up."""
        last = _Pending(then=then)
        with self._lock:
            is_waiting = job in self._pending or job in self._in_flight
        if is_waiting:
            self._add(job, last)
        else:
            then()

    async def run(self) -> None:
        """Write until cancelled; who waits for a checkpoint then is told so."""
        not_before = -math.inf
        try:
            while True:
                await self._has_some.wait()
                with trio.move_on_at(not_before):
                    await self._is_urgent.wait()
                if await self.one_pass():
                    self._backoff.reset()
                    not_before = trio.current_time() + _PAUSE_SECONDS
                else:
                    await trio.sleep(self._backoff.next_pause())
        finally:
            self._close()

    async def one_pass(self) -> bool:
        """Write what is there; False if some of it has to be tried again."""
        batch = self._take()
        is_written = not batch or await self._write(batch)
        with self._lock:
            self._in_flight = {}
        is_logged = await self._write_lines()
        self._has_passed.set()
        if self._log or not (is_written and is_logged):
            self._has_some.set()
        return is_written and is_logged

    async def flush(self) -> None:
        """Wait until all is written."""
        while self._pending or self._in_flight or self._log:
            self._has_passed = trio.Event()
            self._wake(is_urgent=True)
            await self._has_passed.wait()

    def _put_checkpoint(self, job: HeldJob, value: JsonValue) -> Future[None]:
        saved: Future[None] = Future()
        if self._is_closed or _is_over(job):
            saved.set_exception(JobCancelledError())
        else:
            self._add(job, _Pending(checkpoint=SavedValue(value), waiters=[saved]))
        return saved

    def _add(self, job: HeldJob, newer: _Pending) -> None:
        with self._lock:
            older = self._pending.get(job)
            if older is not None:
                newer.take_older(older)
                newer.tries_count = older.tries_count
            self._pending[job] = newer
        job.has_reported = True
        self._wake(is_urgent=bool(newer.waiters) or newer.then is not None)
        if self._is_closed:
            self._close()

    def _wake(self, *, is_urgent: bool) -> None:
        wake = self._wake_urgently if is_urgent else self._has_some_now
        if self.is_in_this_thread:
            wake()
            return
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(wake, idempotent=True)

    def _has_some_now(self) -> None:
        self._has_some.set()

    def _wake_urgently(self) -> None:
        self._has_some.set()
        self._is_urgent.set()

    def _take(self) -> list[tuple[HeldJob, _Pending]]:
        """Take all that is to be written, and deal with what is not."""
        self._has_some = trio.Event()
        self._is_urgent = trio.Event()
        with self._lock:
            taken, self._pending = self._pending, {}
            self._in_flight = taken
        batch = []
        for job, pending in taken.items():
            if _is_over(job) and pending.then is None:
                pending.resolve(JobCancelledError())
            elif pending.is_empty:
                _go_on(pending)
            else:
                batch.append((job, pending))
        return batch

    async def _write(self, batch: Sequence[tuple[HeldJob, _Pending]]) -> bool:
        try:
            results = await self._ledger.report(
                [pending.report_of(job) for job, pending in batch],
                timeout_seconds=self._timeout_seconds,
            )
        except RunledgerError as error:
            if not self._is_transient(error) and len(batch) > 1:
                half = len(batch) // 2
                is_first_written = await self._write(batch[:half])
                return await self._write(batch[half:]) and is_first_written
            results = [error] * len(batch)
        accepted = [
            self._accept(job, pending, result)
            for (job, pending), result in zip(batch, results, strict=True)
        ]
        return all(accepted)

    def _accept(
        self, job: HeldJob, pending: _Pending, error: RunledgerError | None
    ) -> bool:
        """Deal with the answer to one report; False if it is to be tried again."""
        if error is None:
            if pending.checkpoint is not None:
                job.checkpoint = pending.checkpoint.value
            pending.resolve(None)
        elif error.code == "job.lease_owner_mismatch":
            if not job.is_ended:
                self._lifecycle.lease_lost(job, "its lease is gone")
            pending.resolve(JobCancelledError())
        elif self._is_transient(error) and self._may_try_again(pending):
            self._put_back(job, pending)
            return False
        elif error.code == "job.invalid_progress" and pending.checkpoint is not None:
            _warn(job, error)
            pending.done = pending.total = None
            self._put_back(job, pending)
            return False
        else:
            _warn(job, error)
            pending.resolve(_persist_failure(error))
        _go_on(pending)
        return True

    def _may_try_again(self, pending: _Pending) -> bool:
        return pending.then is None or pending.tries_count < _LAST_TRIES

    def _put_back(self, job: HeldJob, older: _Pending) -> None:
        with self._lock:
            newer = self._pending.setdefault(job, _Pending())
            newer.take_older(older)

    async def _write_lines(self) -> bool:
        lines = self._log.take(trio.current_time())
        if not lines:
            return True
        try:
            await self._ledger.write_log(lines, timeout_seconds=self._timeout_seconds)
        except RunledgerError as error:
            if self._is_transient(error):
                self._log.put_back()
                return False
            emit(
                LogEvent.LOG_LINES_LOST,
                "log lines that could not be stored: %d; %s",
                len(lines),
                error.internal_message(),
                count=len(lines),
                code=error.code,
            )
        return True

    def _close(self) -> None:
        """Let go of whoever waits for what will not be written any more."""
        with self._lock:
            self._is_closed = True
            left = [*self._pending.values(), *self._in_flight.values()]
            self._pending = {}
            self._in_flight = {}
        for pending in left:
            pending.resolve(JobCancelledError())


def _is_over(job: HeldJob) -> bool:
    return job.is_ended or job.cancel_reason is CancelReason.LEASE_LOST


def _go_on(pending: _Pending) -> None:
    if pending.then is not None:
        pending.then()


def _persist_failure(error: RunledgerError) -> JobFailure:
    failure = JobFailure.retryable("job.progress_persist_failed", error.client_message)
    failure.__cause__ = error
    return failure


def _warn(job: HeldJob, error: RunledgerError) -> None:
    emit(
        LogEvent.REPORT_REFUSED,
        "a report of job %s was not written; %s",
        job.lease.job_id,
        error.internal_message(),
        lease=job.lease,
        job_type=job.claimed.job_type,
        code=error.code,
    )
