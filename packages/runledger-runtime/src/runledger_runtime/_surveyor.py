"""Keep the ledger informed of where jobs stand, for as long as jobs are claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from runledger_core import RunledgerError

from ._log_events import LogEvent, emit
from ._ticks import Backoff, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._held_jobs import HeldJobs
    from ._ledger import Ledger
    from .config import JobsConfig

_FIRST_PAUSE_SECONDS: Final = 1.0


class Surveyor:
    """
    Survey the queue beside the claims, again and again.

    A claim that looks for jobs from the beginning pays for all that were claimed while
    some transaction has been open. A survey pays for it once, while claims go on.
    Nothing depends on it but how long claims take, so a failure is logged, and the next
    survey comes in time.
    """

    def __init__(
        self,
        ledger: Ledger,
        held: HeldJobs,
        job_types: Sequence[str],
        config: JobsConfig,
    ) -> None:
        self._ledger = ledger
        self._held = held
        self._job_types = job_types
        self._timeout_seconds = config.database_timeout_seconds
        self._backoff = Backoff()

    async def run(self) -> None:
        """Survey until cancelled."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            # Who has nothing to do asks nothing.
            await self._held.wait_until(lambda: bool(self._held))
            await trio.sleep(spread(pause_seconds))
            pause_seconds = await self._survey()

    async def _survey(self) -> float:
        """Survey once; return the seconds until the next time."""
        try:
            pause_seconds = await self._ledger.survey(
                job_types=self._job_types, timeout_seconds=self._timeout_seconds
            )
        except RunledgerError as error:
            emit(
                LogEvent.SURVEY_FAILED,
                "queue not surveyed; %s",
                error.internal_message(),
                code=error.code,
            )
            return _FIRST_PAUSE_SECONDS + self._backoff.next_pause()
        self._backoff.reset()
        return pause_seconds
