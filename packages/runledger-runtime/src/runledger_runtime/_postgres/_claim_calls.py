"""Claim jobs, and give back what came too late."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from runledger_core import RunledgerError
from runledger_postgres import QueryError, claim_jobs, release_unstarted_claims

from ..errors import LedgerTimeoutError
from ._front_calls import FrontCalls

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from runledger_core import Lease
    from runledger_postgres import ClaimedJob, Running

    from ._calls import Pool

_TOO_LATE: Final = "the claim took longer than its worker waited"
_RELEASE_SECONDS: Final = 10.0


class ClaimCalls(FrontCalls):
    """Lease jobs and return leases."""

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
        claim = partial(
            claim_jobs,
            worker_id=worker_id,
            lease_seconds=lease_seconds,
            limit=limit,
            job_types=job_types,
            type_limits=type_limits,
            fronts=self.fronts,
        )
        own = self._free_own
        if own is not None:
            run = partial(own.run, claim_jobs, self._return_late, **claim.keywords)
            return await self._bounded(timeout_seconds, run)
        handover = _Handover(self._pool)
        try:
            return await self._call(
                timeout_seconds, lambda: handover.offer(claim(self._pool))
            )
        except LedgerTimeoutError:
            claimed = handover.give_up()
            if claimed is None:
                raise
            return claimed

    async def release(
        self, leases: Sequence[Lease], *, reason: str, timeout_seconds: float
    ) -> int:
        """Give back claims whose jobs were not started, and count those returned."""

        def release() -> int:
            results = release_unstarted_claims(self._pool, leases, reason=reason)
            return sum(not isinstance(result, QueryError) for result in results)

        return await self._call(timeout_seconds, release)

    def _return_late(self, running: Running[list[ClaimedJob]]) -> None:
        """Give back what the own connection claimed when nobody waited any more."""

        async def release(leases: Sequence[Lease]) -> None:
            # Else the leases expire.
            with suppress(RunledgerError):
                await self.release(
                    leases, reason=_TOO_LATE, timeout_seconds=_RELEASE_SECONDS
                )

        with suppress(RunledgerError):
            leases = [job.lease for job in running.result()]
            # Whoever asked is gone, and the listener must not wait.
            trio.lowlevel.spawn_system_task(release, leases)


class _Handover:
    """Pass claimed jobs from their thread to who waits, or back if nobody does."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._claimed: list[ClaimedJob] | None = None
        self._is_given_up = False

    def offer(self, claimed: list[ClaimedJob]) -> list[ClaimedJob]:
        """Come from the thread with what was claimed."""
        with self._lock:
            self._claimed = claimed
            if not self._is_given_up:
                return claimed
        leases = [job.lease for job in claimed]
        release_unstarted_claims(self._pool, leases, reason=_TOO_LATE)
        return []

    def give_up(self) -> list[ClaimedJob] | None:
        """Wait no longer; return what came at the very last moment."""
        with self._lock:
            self._is_given_up = True
            return self._claimed
