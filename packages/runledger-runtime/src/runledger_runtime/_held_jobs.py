"""Keep the jobs on which this process holds a lease, and count the free slots."""

from __future__ import annotations

import math
from collections import Counter
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import attrs
import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runledger_core import JsonValue, Lease

    from ._ledger import ClaimedJob

_CLOCKLESS: Final = math.inf
_SAME_DEADLINE_SECONDS: Final = 0.005


class CancelReason(Enum):
    """Why the worker ends a handler that would go on."""

    TIMEOUT = auto()
    """Its time is up: the attempt has failed."""
    LEASE_LOST = auto()
    """The job is not this worker's any more: nothing is written."""
    SHUTDOWN = auto()
    """The process cannot wait for it: the lease is left to expire."""


@attrs.define(eq=False)
class HeldJob:
    """
    Be one job between its claim and the end of its lease.

    It passes three states, and never goes back: waiting for its slot (no scope),
    running (a scope), ended. Everything here belongs to trio's thread, but for
    `is_cancelled` and `remaining_seconds`, which a handler asks from its own.

    Args:
        claimed: what the ledger handed out.
        lease_until: when the lease ends at the latest, on trio's clock.
        is_async: whether its handler runs in the event loop, as far as it has begun.
        is_busy: whether somebody held its row when its outcome was to be settled.

    Attributes:
        has_reported: whether the handler said anything that is to be written.
        ended_at: when the handler ended, if somebody wants to know.
        checkpoint: what was stored last.
    """

    claimed: ClaimedJob
    lease_until: float
    scope: trio.CancelScope | None = None
    deadline: float = math.inf
    cancel_reason: CancelReason | None = None
    is_ended: bool = False
    has_reported: bool = False
    ended_at: float = math.inf
    checkpoint: JsonValue = attrs.field(
        default=attrs.Factory(lambda self: self.claimed.checkpoint, takes_self=True)
    )
    is_async: bool = False
    is_busy: bool = False
    _clock: trio.abc.Clock | None = None

    @property
    def lease(self) -> Lease:
        """The lease itself."""
        return self.claimed.lease

    @property
    def duration_seconds(self) -> float:
        """How long the handler took; 0 if it was not called, or nobody looked."""
        if math.inf in {self.deadline, self.ended_at}:
            return 0.0
        started_at = self.deadline - self.claimed.timeout_seconds
        return max(0.0, self.ended_at - started_at)

    def begin(self, scope: trio.CancelScope, clock: trio.abc.Clock) -> None:
        """
        Run from now on inside *scope*, for as long as the job's timeout allows.

        It may be ended some milliseconds early, but not late.
        """
        self._clock = clock
        self.deadline = clock.current_time() + self.claimed.timeout_seconds
        # Jobs of one kind that follow each other at once share a deadline: to set one
        # anew takes trio a seventh of the time that such a job takes altogether.
        if not 0 <= self.deadline - scope.deadline <= _SAME_DEADLINE_SECONDS:
            scope.deadline = self.deadline
        self.scope = scope

    def cancel(self, reason: CancelReason) -> None:
        """End the handler, unless it has ended or is being ended already."""
        if self.is_ended or self.cancel_reason is not None:
            return
        self.cancel_reason = reason
        if self.scope is not None:
            self.scope.cancel()

    def has_time_left(self, now: float) -> bool:
        """Tell whether it runs within its timeout; any thread may ask."""
        return not self.is_ended and now < self.deadline < math.inf

    def is_cancelled(self) -> bool:
        """Tell whether the handler should stop; any thread may ask."""
        return self.cancel_reason is not None or self.remaining_seconds() <= 0

    def remaining_seconds(self) -> float:
        """Return how long the handler may still run; any thread may ask."""
        if self._clock is None:
            return _CLOCKLESS
        return max(0.0, self.deadline - self._clock.current_time())


class HeldJobs:
    """
    Hold every job from its claim until its outcome is written down or given up.

    A job takes a slot until its handler has ended, and for a plain handler that is
    when its thread ends, even if the attempt was given up long before. So the process
    never runs more than its capacity, whatever its handlers do.

    Args:
        capacity: how many jobs may run at once.
        unsettled_limit: how many more may be held whose outcomes wait. Where handlers
            are faster than the database, claims would else run ahead of completions
            until leases expired that nobody could settle in time.
        type_limits: how many jobs of a type may run at once, where that is limited.
    """

    def __init__(
        self,
        capacity: int,
        *,
        unsettled_limit: int,
        type_limits: Mapping[str, int] | None = None,
    ) -> None:
        self.capacity = capacity
        self._type_limits = {} if type_limits is None else dict(type_limits)
        self._taken_by_type: Counter[str] = Counter()
        self._held_limit = capacity + unsettled_limit
        self._jobs: set[HeldJob] = set()
        self._active_count = 0
        self._stray_count = 0
        self._change: trio.Event | None = None
        # When the last of the jobs becomes due again that failed and are to be tried
        # again very soon, on trio's clock.
        self.retry_due_at: float = -math.inf

    def __iter__(self) -> Iterator[HeldJob]:
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def active_count(self) -> int:
        """How many jobs have not ended yet."""
        return self._active_count

    @property
    def free_count(self) -> int:
        """How many more jobs can be started at once."""
        free_slots = self.capacity - self._active_count - self._stray_count
        return max(0, min(free_slots, self._held_limit - len(self._jobs)))

    def type_rooms(self) -> dict[str, int]:
        """Return how many more jobs of each limited type can be started at once."""
        return {
            job_type: max(0, limit - self._taken_by_type[job_type])
            for job_type, limit in self._type_limits.items()
        }

    def is_full_for(self, job_type: str) -> bool:
        """Tell whether a type has as many jobs as may run at once."""
        limit = self._type_limits.get(job_type)
        return limit is not None and self._taken_by_type[job_type] >= limit

    @property
    def is_idle(self) -> bool:
        """Whether nothing is held, nor about to come back."""
        return not self._jobs and trio.current_time() >= self.retry_due_at

    def has_ended_steps(self) -> bool:
        """Tell whether the ends of steps of workflows are still to be written down."""
        return any(job.is_ended and job.claimed.step is not None for job in self._jobs)

    def add(self, job: HeldJob) -> None:
        """Take a slot for a job that was just claimed."""
        self._jobs.add(job)
        self._active_count += 1
        self._take(job.claimed.job_type)
        self.notify()

    def end(self, job: HeldJob) -> None:
        """Give the job's slot back; its lease is still held."""
        job.is_ended = True
        job.scope = None
        self._active_count -= 1
        self._give_back(job.claimed.job_type)
        self.notify()

    def forget(self, job: HeldJob) -> None:
        """Hold the lease no longer: it was settled, lost, or left to expire."""
        self._jobs.discard(job)
        self.notify()

    def add_stray(self, job_type: str) -> None:
        """Keep a slot for a thread that goes on after its job was given up."""
        self._stray_count += 1
        self._take(job_type)

    def remove_stray(self, job_type: str) -> None:
        """Give the slot of such a thread back."""
        self._stray_count -= 1
        self._give_back(job_type)
        self.notify()

    def notify(self) -> None:
        """Wake whoever waits for a change."""
        if self._change is not None:
            self._change.set()
            self._change = None

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """
        Wait until *holds* is true; it is asked again after every change.

        Whoever is cancelled does not get through, also if it holds already.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not holds():
            if self._change is None:
                self._change = trio.Event()
            await self._change.wait()

    def _take(self, job_type: str) -> None:
        if job_type in self._type_limits:
            self._taken_by_type[job_type] += 1

    def _give_back(self, job_type: str) -> None:
        if job_type in self._type_limits:
            self._taken_by_type[job_type] -= 1
