"""The port through which the loops see the ledger, and what passes through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import attrs

from ._handler_ledger import HandlerLedger
from ._schedule_ledger import ScheduleLedger
from ._sleep_port import SleepingWorkers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from runledger_core import (
        DeadLetterReason,
        JobCompletion,
        JobDefinition,
        JobFailure,
        JobStatus,
        JsonValue,
        Lease,
        RetryDelay,
        RunledgerError,
    )


class ClaimedStep(Protocol):
    """The step of a workflow that a claimed job does."""

    @property
    def workflow_run_id(self) -> UUID: ...
    @property
    def step_key(self) -> str: ...
    @property
    def inputs(self) -> Mapping[str, JsonValue]: ...


class ClaimedJob(Protocol):
    """A job that was leased to this worker."""

    @property
    def lease(self) -> Lease: ...
    @property
    def job_type(self) -> str: ...
    @property
    def organization_id(self) -> UUID | None: ...
    @property
    def payload(self) -> JsonValue: ...
    @property
    def checkpoint(self) -> JsonValue: ...
    @property
    def max_attempts(self) -> int: ...
    @property
    def timeout_seconds(self) -> int: ...
    @property
    def waited_seconds(self) -> float: ...
    @property
    def trace_context(self) -> Mapping[str, str] | None: ...
    @property
    def step(self) -> ClaimedStep | None: ...


@attrs.frozen
class Succeeded:
    """The attempt under *lease* did its work; *is_step* is what its claim said."""

    lease: Lease
    completion: JobCompletion
    is_step: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Failed:
    """The attempt under *lease* failed; *retry* says when it may be tried again."""

    lease: Lease
    failure: JobFailure
    retry: RetryDelay


Outcome: TypeAlias = Succeeded | Failed


class SettledJob(Protocol):
    """What became of a job when its outcome was written down."""

    @property
    def status(self) -> JobStatus: ...
    @property
    def next_run_at(self) -> datetime | None: ...
    @property
    def dead_letter_reason(self) -> DeadLetterReason | None: ...


class ReapedJob(Protocol):
    """A job that the reaper took back; payload and checkpoint if it is dead."""

    @property
    def lease(self) -> Lease: ...
    @property
    def job_type(self) -> str: ...
    @property
    def organization_id(self) -> UUID | None: ...
    @property
    def max_attempts(self) -> int: ...
    @property
    def next_run_at(self) -> datetime | None: ...
    @property
    def dead_letter_reason(self) -> DeadLetterReason | None: ...
    @property
    def started_without_renewal_heartbeat(self) -> bool: ...
    @property
    def payload(self) -> JsonValue: ...
    @property
    def checkpoint(self) -> JsonValue: ...


class LeaseReport(Protocol):
    """
    What a heartbeat found; what is not in it is lost.

    Busy are those whose jobs somebody held just then: neither renewed nor lost.
    """

    @property
    def renewed(self) -> Collection[Lease]: ...
    @property
    def canceled(self) -> Collection[Lease]: ...
    @property
    def busy(self) -> Collection[Lease]: ...


class ReapReport(Protocol):
    """What one pass of the reaper did."""

    @property
    def reaped(self) -> Sequence[ReapedJob]: ...
    @property
    def retried_count(self) -> int: ...
    @property
    def dead_lettered_count(self) -> int: ...
    @property
    def deferred_count(self) -> int: ...
    @property
    def has_more(self) -> bool: ...


class Ledger(HandlerLedger, ScheduleLedger, SleepingWorkers, Protocol):
    """
    What the loops ask of the ledger.

    Every method is one transaction, is deaf to cancellation from outside, and ends
    within *timeout_seconds*, if need be with `LedgerTimeoutError`. It raises no other
    errors than `RunledgerError`. So a claim that has been committed always reaches the
    loop that asked for it, unless the time ran out: then its jobs return to the queue,
    at the latest when their leases expire.
    """

    async def check(self, *, timeout_seconds: float) -> None:
        """Refuse a database that does not answer, or that this code does not fit."""
        ...

    async def sync_definitions(
        self, definitions: Sequence[JobDefinition], *, timeout_seconds: float
    ) -> None:
        """Store the definitions; a type that was disabled there stays disabled."""
        ...

    async def claim(
        self,
        *,
        worker_id: str,
        lease_seconds: int,
        limit: int,
        job_types: Collection[str],
        type_limits: Mapping[str, int],
        timeout_seconds: float,
    ) -> Sequence[ClaimedJob]:
        """Lease up to *limit* due jobs of these types, of some no more than theirs."""
        ...

    async def survey(
        self, *, job_types: Collection[str], timeout_seconds: float
    ) -> float:
        """
        Learn where jobs stand, so that claims need not look from the beginning.

        Returns the seconds until it is worth while again.
        """
        ...

    async def release(
        self, leases: Sequence[Lease], *, reason: str, timeout_seconds: float
    ) -> int:
        """Give back claims whose jobs were not started, and count those returned."""
        ...

    async def heartbeat(
        self, leases: Sequence[Lease], *, lease_seconds: int, timeout_seconds: float
    ) -> LeaseReport:
        """Renew leases, and say which are still held."""
        ...

    def renew_from_thread(
        self, leases: Sequence[Lease], *, lease_seconds: int
    ) -> LeaseReport:
        """Do the same in the thread that calls, while trio does not turn."""
        ...

    async def settle(
        self,
        outcomes: Sequence[Outcome],
        *,
        skip_locked: bool,
        timeout_seconds: float,
    ) -> Sequence[SettledJob | RunledgerError]:
        """
        Write outcomes down, all or none, with a result for each in order.

        A result that is an error says why that one was left alone:
        ``job.lease_owner_mismatch`` or ``job.invalid_completion_progress``, and with
        *skip_locked* ``job.busy`` where it would have had to wait for somebody.
        """
        ...

    async def reap(
        self,
        *,
        limit: int,
        retry: Mapping[str, RetryDelay],
        default_retry: RetryDelay,
        timeout_seconds: float,
    ) -> ReapReport:
        """Take up to *limit* jobs back whose leases have expired."""
        ...

    async def announce(
        self,
        *,
        worker_id: str,
        job_types: Collection[str],
        ttl_seconds: int,
        timeout_seconds: float,
    ) -> None:
        """Say that a worker is there and what it runs."""
        ...

    async def withdraw(self, worker_id: str, *, timeout_seconds: float) -> None:
        """Say that a worker has ended."""
        ...

    def is_transient(self, error: RunledgerError) -> bool:
        """Tell whether the same call may succeed when it is made again."""
        ...

    def is_lock_timeout(self, error: RunledgerError) -> bool:
        """Tell whether it failed because somebody held a job for too long."""
        ...

    def abandon_calls(self) -> None:
        """Wait no longer for calls under way, as if their time had run out."""
        ...

    async def aclose(self) -> None:
        """Release what the ledger opened itself."""
        ...
