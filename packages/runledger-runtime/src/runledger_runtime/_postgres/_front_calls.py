"""Know where pending jobs stand, when claims would spend too long on finding out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from runledger_postgres import QueueFronts, survey_queue

from ._calls import PostgresCalls

if TYPE_CHECKING:
    from collections.abc import Collection

    from ._calls import Pool

_PAUSE_SECONDS: Final = 2.0
_PAUSES_PER_SURVEY: Final = 40
_WORTH_WHILE_SECONDS: Final = 0.002


class FrontCalls(PostgresCalls):
    """
    Survey the queue, and let claims begin where jobs stand if that spares them enough.

    Mostly a survey takes well under a millisecond, and claims go on to look for jobs
    from the beginning: so they find whatever there is. When it takes two, since an
    open transaction keeps what was claimed in the index, they begin at the fronts that
    it found, until the next survey, and for twice the pause before it at most.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self._found: QueueFronts | None = None
        self._found_until = 0.0

    @property
    def fronts(self) -> QueueFronts | None:
        """Where to look for jobs; None for from the beginning."""
        return self._found if time.monotonic() < self._found_until else None

    async def survey(
        self, *, job_types: Collection[str], timeout_seconds: float
    ) -> float:
        """Survey the queue, and return the seconds until it is worth while again."""

        def survey() -> QueueFronts:
            return survey_queue(self._pool, job_types=job_types)

        found = await self._call(timeout_seconds, survey)
        pause_seconds = max(_PAUSE_SECONDS, _PAUSES_PER_SURVEY * found.seconds)
        is_worth_while = found.seconds >= _WORTH_WHILE_SECONDS
        self._found = found if is_worth_while else None
        self._found_until = time.monotonic() + 2 * pause_seconds
        return pause_seconds
