"""Write down the outcomes of attempts: all that wait, in one transaction."""

from __future__ import annotations

import math
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import trio

from runledger_core import JobFailure, RetryPolicy, RunledgerError

from ._ledger import Failed, Succeeded
from ._log_events import LogEvent, emit
from ._ticks import Backoff, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._held_jobs import HeldJob, HeldJobs
    from ._ledger import Ledger, Outcome, SettledJob
    from ._lifecycle import Lifecycle

_BATCH_SIZE: Final = 1000
_WORTH_A_TRANSACTION: Final = 32
_SOON_SECONDS: Final = 1.0
_NO_RETRY: Final = RetryPolicy()  # terminal failures ask for one and do not use it


class Completer:
    """
    Settle outcomes in batches that make themselves.

    While one batch is on its way the next one gathers, and leaves as soon as the first
    has arrived: an idle worker settles a job at once, a busy one hundreds together,
    and there is no timer to tune.

    Successes that say no more than an output take three quarters of the time when no
    other outcome is among them, so many of them go apart.

    A batch that fails for a passing reason is tried again, after growing pauses, for
    as long as the leases live; the lease keeper renews them meanwhile. The leases fence
    it, so what was committed without an answer is not written twice: those jobs come
    back as not held any more. A batch that waited too long for somebody who holds one
    of its jobs is settled without those, which are tried again by and by. A batch that
    fails for a lasting reason is halved until the culprit stands alone. What cannot be
    settled is left to the expiry of its lease, and the job will run again.

    A batch may put jobs into the queue: the next steps of a workflow, or a job that is
    to be tried again. Their notification passes by a worker that falls asleep while the
    batch is written, so *on_queued* tells this process itself.
    """

    def __init__(
        self,
        ledger: Ledger,
        held: HeldJobs,
        lifecycle: Lifecycle,
        *,
        on_queued: Callable[[], None],
        timeout_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._held = held
        self._lifecycle = lifecycle
        self._on_queued = on_queued
        self._timeout_seconds = timeout_seconds
        self._waiting: deque[tuple[HeldJob, Outcome]] = deque()
        self._has_waiting = trio.Event()
        self._busy: list[tuple[HeldJob, Outcome]] = []
        self._busy_until = math.inf
        self._backoff = Backoff()

    def put(self, job: HeldJob, outcome: Outcome) -> None:
        """Take an outcome that has to be settled; never blocks."""
        if not self._waiting:
            self._has_waiting.set()
        self._waiting.append((job, outcome))

    async def run(self) -> None:
        """Settle until cancelled; what still waits then is left to lease expiry."""
        while True:
            with trio.move_on_at(self._busy_until):
                await self._has_waiting.wait()
            self._take_up_busy()
            if not self._waiting:
                continue
            if await self.one_pass():
                self._backoff.reset()
            else:
                await trio.sleep(self._backoff.next_pause())

    async def one_pass(self) -> bool:
        """Settle what waits, up to a batch; False if some of it waits again."""
        batch = [
            self._waiting.popleft() for _ in range(min(len(self._waiting), _BATCH_SIZE))
        ]
        if not self._waiting:
            self._has_waiting = trio.Event()
        plain: list[tuple[HeldJob, Outcome]] = []
        rest: list[tuple[HeldJob, Outcome]] = []
        for entry in batch:
            (plain if _is_plain(entry[1]) else rest).append(entry)
        if len(plain) < _WORTH_A_TRANSACTION:
            return await self._settle(batch)
        if await self._settle(plain):
            return not rest or await self._settle(rest)
        for job, outcome in rest:
            self.put(job, outcome)
        return False

    def _take_up_busy(self) -> None:
        """Let those wait again that were put off, when it is time."""
        if trio.current_time() >= self._busy_until:
            busy, self._busy = self._busy, []
            self._busy_until = math.inf
            self._wait_again(busy, RunledgerError("job.busy"))

    async def _settle(self, batch: Sequence[tuple[HeldJob, Outcome]]) -> bool:
        skip_locked = any(job.is_busy for job, _ in batch)
        try:
            results = await self._ledger.settle(
                [outcome for _, outcome in batch],
                skip_locked=skip_locked,
                timeout_seconds=self._timeout_seconds,
            )
        except RunledgerError as error:
            if self._ledger.is_lock_timeout(error) and not skip_locked:
                for job, _ in batch:
                    job.is_busy = True
                return await self._settle(batch)
            if self._ledger.is_transient(error):
                self._try_again(batch, error)
                return False
            if len(batch) == 1:
                self._give_up(*batch[0], error)
                return True
            half = len(batch) // 2
            is_first_settled = await self._settle(batch[:half])
            return await self._settle(batch[half:]) and is_first_settled
        self._accept(batch, results)
        return True

    def _accept(
        self,
        batch: Sequence[tuple[HeldJob, Outcome]],
        results: Sequence[SettledJob | RunledgerError],
    ) -> None:
        may_have_queued = False
        for (job, outcome), result in zip(batch, results, strict=True):
            if isinstance(result, RunledgerError):
                self._refused(job, outcome, result)
                continue
            self._held.forget(job)
            if result.next_run_at is not None:
                self._note_retry(result.next_run_at)
                may_have_queued = True
            elif job.claimed.step is not None:
                may_have_queued = True
            self._lifecycle.settled(job, outcome, result)
        if may_have_queued:
            self._on_queued()

    def _note_retry(self, next_run_at: datetime) -> None:
        # Reckoned with this machine's clock: it decides only when an idle worker that
        # is to stop may do so, and the database's decides when the job is due.
        wait_seconds = (next_run_at - datetime.now(UTC)).total_seconds()
        if wait_seconds <= _SOON_SECONDS:
            due_at = trio.current_time() + wait_seconds
            self._held.retry_due_at = max(self._held.retry_due_at, due_at)

    def _refused(self, job: HeldJob, outcome: Outcome, error: RunledgerError) -> None:
        """Deal with an outcome that was left alone while others were settled."""
        if error.code == "job.busy":
            if not self._busy:
                self._busy_until = trio.current_time() + spread(_SOON_SECONDS)
            self._busy.append((job, outcome))
            return
        is_at_fault = error.code == "job.invalid_completion_progress"
        if is_at_fault and isinstance(outcome, Succeeded):
            failure = JobFailure.terminal(error.code, error.client_message)
            self.put(job, Failed(job.lease, failure, _NO_RETRY))
            return
        self._give_up(job, outcome, error)

    def _try_again(
        self, batch: Sequence[tuple[HeldJob, Outcome]], error: RunledgerError
    ) -> None:
        alive_count = self._wait_again(batch, error)
        emit(
            LogEvent.SETTLE_FAILED,
            "outcomes that wait to be settled: %d; %s",
            alive_count,
            error.internal_message(),
            count=alive_count,
            code=error.code,
        )

    def _wait_again(
        self, batch: Sequence[tuple[HeldJob, Outcome]], error: RunledgerError
    ) -> int:
        """Let those wait again whose leases live, and count them."""
        now = trio.current_time()
        alive = [entry for entry in batch if entry[0].lease_until > now]
        for job, outcome in batch:
            if job.lease_until <= now:
                self._give_up(job, outcome, error)
        if alive and not self._waiting:
            self._has_waiting.set()
        self._waiting.extendleft(reversed(alive))
        return len(alive)

    def _give_up(self, job: HeldJob, outcome: Outcome, error: RunledgerError) -> None:
        """Let the lease expire; the job runs again, unless it was settled after all."""
        self._held.forget(job)
        self._lifecycle.not_settled(job, outcome, error)


def _is_plain(outcome: Outcome) -> bool:
    return isinstance(outcome, Succeeded) and outcome.completion.is_output_only
