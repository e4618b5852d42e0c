"""Keep leases alive while a handler blocks the event loop, and say which one does."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Final

import trio

from ._blocking_job import describe_blocking_job
from ._held_jobs import CancelReason
from ._log_events import LogEvent, emit

if TYPE_CHECKING:
    from ._held_jobs import HeldJob, HeldJobs
    from ._ledger import Ledger

_LOOKS_PER_PATIENCE: Final = 4
_BEATS_PER_LEASE: Final = 3
_SHOWN_FRAMES: Final = 25


class LoopWatch:
    """
    Watch from a thread whether trio's event loop turns.

    A handler that computes or sleeps without a checkpoint keeps every task of the
    process from running, the lease keeper too. So when the loop has not turned for a
    sixth of a lease, and a second at least, the thread warns, with the job that is at
    work and the stack of the loop's thread, and renews the leases itself, at every
    third of a lease, until the loop turns again.

    It does so as long as a job is within its timeout. After that the process is taken
    for hung: the leases expire, and its jobs run elsewhere.

    Args:
        ledger: where leases are renewed, in the thread.
        held: the jobs.
        lease_ttl_seconds: how long a renewal lasts.
    """

    def __init__(
        self, ledger: Ledger, held: HeldJobs, *, lease_ttl_seconds: int
    ) -> None:
        self._ledger = ledger
        self._held = held
        self._ttl_seconds = lease_ttl_seconds
        self._patience_seconds = max(1.0, lease_ttl_seconds / 6)
        self._turned_at = time.monotonic()
        self._is_over = threading.Event()
        self._blocked_since: float | None = None
        self._renew_at = 0.0

    async def run(self) -> None:
        """Show that the loop turns, and be watched, until cancelled."""
        self._clock = trio.lowlevel.current_clock()
        self._loop_thread_id = threading.get_ident()
        self._turned_at = time.monotonic()
        threading.Thread(
            target=self._watch, name="runledger loop watch", daemon=True
        ).start()
        try:
            while True:
                self._turned_at = time.monotonic()
                await trio.sleep(self._patience_seconds / _LOOKS_PER_PATIENCE)
        finally:
            self._is_over.set()

    def _watch(self) -> None:
        """Look now and then, in the thread."""
        while not self._is_over.wait(self._patience_seconds / _LOOKS_PER_PATIENCE):
            try:
                self.one_look(time.monotonic())
            except Exception as error:  # noqa: BLE001 - the thread goes on
                emit(
                    LogEvent.LEASES_NOT_RENEWED,
                    "the leases were not renewed from a thread; %s",
                    error,
                )

    def one_look(self, now: float) -> None:
        """Do what has to be done at this moment, *now* being ``time.monotonic()``."""
        turned_at = self._turned_at
        if now - turned_at < self._patience_seconds:
            if self._blocked_since is not None:
                seconds = turned_at - self._blocked_since
                emit(
                    LogEvent.LOOP_TURNS,
                    "the event loop turns again, after %.1f s",
                    seconds,
                    seconds=seconds,
                )
                self._blocked_since = None
            return
        where = None
        if self._blocked_since is None:
            self._blocked_since = turned_at
            self._renew_at = now
            where = self._where()
        # The leases come first: whoever blocks the loop may hold a lock of the log.
        try:
            if now >= self._renew_at:
                self._renew_at = now + self._ttl_seconds / _BEATS_PER_LEASE
                self._renew()
        finally:
            if where is not None:
                emit(
                    LogEvent.LOOP_BLOCKED,
                    "the event loop has not turned for %.1f s: %s",
                    now - turned_at,
                    where,
                    seconds=now - turned_at,
                )

    def _where(self) -> str:
        """Say which job is at work in the loop's thread, and at what place."""
        frame = sys._current_frames().get(self._loop_thread_id)  # noqa: SLF001
        if frame is None:
            return "its thread is gone"
        job = describe_blocking_job(frame, list(self._held))
        stack = "".join(traceback.format_stack(frame)[-_SHOWN_FRAMES:])
        return (
            f"{job}. Blocking work belongs in a plain handler, or in a thread. "
            f"It is here:\n{stack}"
        )

    def _renew(self) -> None:
        """Renew the leases, in the thread; trio's own may not have run in between."""
        asked_at = self._clock.current_time()
        jobs = self._worth_renewing(asked_at)
        if not jobs:
            return
        report = self._ledger.renew_from_thread(
            [job.lease for job in jobs], lease_seconds=self._ttl_seconds
        )
        for job in jobs:
            if job.lease in report.renewed:
                job.lease_until = max(job.lease_until, asked_at + self._ttl_seconds)

    def _worth_renewing(self, now: float) -> list[HeldJob]:
        jobs = list(self._held)
        if not any(job.has_time_left(now) for job in jobs):
            return []
        return [
            job
            for job in jobs
            if job.lease_until > now
            and job.cancel_reason is not CancelReason.LEASE_LOST
            and (job.is_ended or job.scope is None or job.has_time_left(now))
        ]
