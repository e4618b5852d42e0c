"""Let the ledger know that this worker is there, for whoever asks why a job waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from runledger_core import RunledgerError

from ._log_events import LogEvent, emit
from ._ticks import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._ledger import Ledger
    from .config import JobsConfig

_ANNOUNCEMENTS_PER_TTL: Final = 3
_END_SECONDS: Final = 2.0


class Presence:
    """
    Announce a worker, again and again, until it ends.

    An announcement lasts as long as a lease. Nothing depends on it but what is told to
    people, so a failure is logged, and the next one comes in time.
    """

    def __init__(
        self, ledger: Ledger, job_types: Sequence[str], config: JobsConfig
    ) -> None:
        self._ledger = ledger
        self._job_types = job_types
        self._worker_id = config.worker_id
        self._ttl_seconds = config.lease_ttl_seconds
        self._timeout_seconds = config.database_timeout_seconds

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            await self.announce()
            await trio.sleep(spread(self._ttl_seconds / _ANNOUNCEMENTS_PER_TTL))

    async def announce(self) -> None:
        """Announce once."""
        try:
            await self._ledger.announce(
                worker_id=self._worker_id,
                job_types=self._job_types,
                ttl_seconds=self._ttl_seconds,
                timeout_seconds=self._timeout_seconds,
            )
        except RunledgerError as error:
            emit(
                LogEvent.PRESENCE_FAILED,
                "not announced; %s",
                error.internal_message(),
                code=error.code,
            )

    async def end(self) -> None:
        """Say that the worker has ended; if that fails, the announcement runs out."""
        try:
            await self._ledger.withdraw(self._worker_id, timeout_seconds=_END_SECONDS)
        except RunledgerError as error:
            emit(
                LogEvent.PRESENCE_FAILED,
                "not withdrawn; %s",
                error.internal_message(),
                code=error.code,
                is_minor=True,
            )
