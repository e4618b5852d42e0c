"""Claim jobs over a blocking psycopg pool, and give back what came too late."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from runledger_postgres import QueryError, claim_jobs, release_unstarted_claims

from ..errors import LedgerTimeoutError
from ._front_calls import FrontCalls

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from runledger_core import Lease
    from runledger_postgres import ClaimedJob

    from ._calls import Pool

_TOO_LATE = "the claim took longer than its worker waited"


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
        handover = _Handover(self._pool)
        fronts = self.fronts

        def claim() -> list[ClaimedJob]:
            claimed = claim_jobs(
                self._pool,
                worker_id=worker_id,
                lease_seconds=lease_seconds,
                limit=limit,
                job_types=job_types,
                type_limits=type_limits,
                fronts=fronts,
            )
            return handover.offer(claimed)

        try:
            return await self._call(timeout_seconds, claim)
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
