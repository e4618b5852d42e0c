"""Say how long to pause between jobs whose latency is taken."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# The first jobs wait for the worker's own start, and for plans to be made.
WARM_UP = 5
TIMEOUT = 30.0
SHORTEST, LONGEST = 0.02, 0.08


def pauses(count: int) -> Iterator[float]:
    """
    Give so many pauses in seconds, the same each time.

    They are at random, so that a worker that polls does not fall into step with us, and
    long enough for one that is notified to fall asleep.
    """
    chance = random.Random(17)  # noqa: S311 - no secret
    for _ in range(count):
        yield chance.uniform(SHORTEST, LONGEST)
