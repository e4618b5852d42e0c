"""Give loops their rhythm: pauses that are spread a little, or that grow."""

from __future__ import annotations

import random

_SPREAD = 0.25
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 10.0


def spread(seconds: float) -> float:
    """
    Return *seconds* give or take a quarter.

    Processes that were started together would otherwise ask the database together.
    """
    return seconds * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - no secret


class Backoff:
    """Lengthen the pause after each failure in a row, up to ten seconds."""

    def __init__(self) -> None:
        self._failures_count = 0

    def next_pause(self) -> float:
        """Count a failure, and return how many seconds to wait before trying again."""
        pause = _FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures_count, 16)
        self._failures_count += 1
        return spread(min(pause, _LONGEST_PAUSE_SECONDS))

    def reset(self) -> None:
        """Forget the failures after a success."""
        self._failures_count = 0
