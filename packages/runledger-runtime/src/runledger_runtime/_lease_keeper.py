"""Renew the leases of this process, all in one call a beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from runledger_core import RunledgerError

from ._held_jobs import CancelReason
from ._log_events import LogEvent, emit
from ._ticks import Backoff
from .observers import LeaseLoss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._held_jobs import HeldJob, HeldJobs
    from ._ledger import LeaseReport, Ledger
    from ._lifecycle import Lifecycle

_BEATS_PER_LEASE: Final = 3
_LONGEST_MARGIN_SECONDS: Final = 5.0
_NOT_RENEWED: Final = "its lease could not be renewed in time"


class LeaseKeeper:
    """
    Keep the leases of running jobs, and of outcomes that wait to be settled.

    A beat that fails is tried again for as long as there is a lease to save. A handler
    is cancelled when the ledger says that its lease is gone, or when a lease that
    could not be renewed is about to end: better a little early than two workers on one
    job. Nothing is written about such an attempt; whoever finds the lease expired does.

    Leases are reckoned from before the call that took or renewed them, on this
    machine's monotonic clock, so they never seem longer here than they are there.
    """

    def __init__(
        self,
        ledger: Ledger,
        held: HeldJobs,
        lifecycle: Lifecycle,
        *,
        lease_ttl_seconds: int,
    ) -> None:
        self._ledger = ledger
        self._held = held
        self._lifecycle = lifecycle
        self._ttl_seconds = lease_ttl_seconds
        self._beat_seconds = lease_ttl_seconds / _BEATS_PER_LEASE
        self._margin_seconds = min(lease_ttl_seconds / 10, _LONGEST_MARGIN_SECONDS)
        self._backoff = Backoff()

    async def run(self) -> None:
        """Beat until cancelled; leases that are still held then expire."""
        while True:
            await trio.sleep(self._beat_seconds)
            await self.beat()

    async def beat(self) -> None:
        """Renew every lease, trying again until it succeeds or none is left."""
        while jobs := self._worth_renewing():
            if await self.one_pass(jobs):
                self._backoff.reset()
                return
            pause_seconds = self._backoff.next_pause()
            await trio.sleep(min(pause_seconds, self._seconds_left(jobs)))

    async def one_pass(self, jobs: Sequence[HeldJob]) -> bool:
        """Ask once for the leases of these jobs; False if there was no answer."""
        asked_at = trio.current_time()
        try:
            report = await self._ledger.heartbeat(
                [job.lease for job in jobs],
                lease_seconds=self._ttl_seconds,
                timeout_seconds=min(self._beat_seconds, self._seconds_left(jobs)),
            )
        except RunledgerError as error:
            emit(
                LogEvent.LEASES_NOT_RENEWED,
                "leases that were not renewed: %d; %s",
                len(jobs),
                error.internal_message(),
                count=len(jobs),
                code=error.code,
            )
            return False
        self._accept(jobs, report, lease_until=asked_at + self._ttl_seconds)
        return True

    def _accept(
        self, jobs: Sequence[HeldJob], report: LeaseReport, *, lease_until: float
    ) -> None:
        for job in jobs:
            if job.lease in report.renewed:
                job.lease_until = lease_until
            elif job.is_ended:
                continue  # it may just have been settled
            elif job.lease in report.canceled:
                self._lifecycle.lease_lost(job, "it was canceled", LeaseLoss.CANCELED)
            else:
                self._lifecycle.lease_lost(job, "its lease is gone")

    def _worth_renewing(self) -> list[HeldJob]:
        """Give up the jobs whose leases are about to end, and return the others."""
        end = trio.current_time() + self._margin_seconds
        for job in self._held:
            if job.lease_until <= end and not job.is_ended:
                self._lifecycle.lease_lost(job, _NOT_RENEWED)
        return [
            job
            for job in self._held
            if job.lease_until > end
            and job.cancel_reason is not CancelReason.LEASE_LOST
        ]

    def _seconds_left(self, jobs: Sequence[HeldJob]) -> float:
        """Return how long it is until the first of these leases is about to end."""
        first = min(job.lease_until for job in jobs)
        return max(0.0, first - self._margin_seconds - trio.current_time())
