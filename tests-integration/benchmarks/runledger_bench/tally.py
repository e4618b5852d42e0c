"""
Count handler starts across processes, in a file that all of them map.

A handler that does nothing must cost nothing to count: one store into shared memory, no
lock, since each process writes to a slot of its own. The clock is CLOCK_MONOTONIC,
which all processes of a machine share. The standard library alone: peers import it too.
"""

from __future__ import annotations

import mmap
import time
from pathlib import Path

SLOTS = 64
GO = 0
COUNTS = 64
FIRST = 128
READY = 192
MOMENTS = 256
WORD_BYTES = 8


class Tally:
    """
    One process's view of the counts.

    Args:
        path: the file, made by `create`.
        slot: which of the counts is this process's own.
    """

    def __init__(self, path: str | Path, slot: int = 0) -> None:
        self.path = Path(path)
        with self.path.open("r+b") as file:
            # Never closed: views of it live as long as the process.
            self._map = mmap.mmap(file.fileno(), 0)
        self._whole = memoryview(self._map).cast("q")
        self._times = memoryview(self._map).cast("d")
        self._slot = slot
        self._started = 0

    @classmethod
    def create(cls, path: Path, moments: int = 0) -> Tally:
        """Make the file, with room for that many moments."""
        path.write_bytes(bytes(WORD_BYTES * (MOMENTS + moments)))
        return cls(path)

    def started(self, number: int = -1) -> None:
        """Count the start of a handler, and note when job *number* began."""
        self._started += 1
        if self._started == 1:
            self._times[FIRST + self._slot] = time.monotonic()
        if number >= 0:
            self._times[MOMENTS + number] = time.monotonic()
        self._whole[COUNTS + self._slot] = self._started

    def ready(self) -> None:
        """Say that this process could begin."""
        self._whole[READY + self._slot] = 1

    def wait_for_go(self, timeout: float = 60.0) -> None:
        """Wait until every process could begin, so that none is ahead of the others."""
        self.ready()
        until = time.monotonic() + timeout
        while not self._whole[GO]:
            if time.monotonic() > until:
                raise TimeoutError("the benchmark never said go")
            time.sleep(0.001)

    def go(self) -> None:
        """Let all processes begin."""
        self._whole[GO] = 1

    def ready_count(self, processes: int) -> int:
        """Return how many processes could begin."""
        return sum(self._whole[READY : READY + processes])

    def total(self) -> int:
        """Return how many handlers were started."""
        return sum(self._whole[COUNTS : COUNTS + SLOTS])

    def per_process(self, processes: int) -> list[int]:
        """Return how many handlers each process started."""
        return list(self._whole[COUNTS : COUNTS + processes])

    def first_start(self) -> float:
        """Return when the first handler was started."""
        times = [each for each in self._times[FIRST : FIRST + SLOTS] if each]
        if not times:
            raise LookupError("no handler was started")
        return min(times)

    def moment(self, number: int) -> float:
        """Return when job *number* began, or 0."""
        return float(self._times[MOMENTS + number])

    def wait_for(self, count: int, timeout: float) -> float:
        """Wait until that many handlers were started; return the time of that."""
        until = time.monotonic() + timeout
        while self.total() < count:
            if time.monotonic() > until:
                raise TimeoutError(f"{self.total()} of {count} handlers were started")
            time.sleep(0.002)
        return time.monotonic()

    def wait_for_moment(self, number: int, timeout: float) -> float:
        """Wait until job *number* has begun; return when it did."""
        until = time.monotonic() + timeout
        while not self.moment(number):
            if time.monotonic() > until:
                raise TimeoutError(f"job {number} was never started")
            time.sleep(0.0005)
        return self.moment(number)
