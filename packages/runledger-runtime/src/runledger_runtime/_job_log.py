"""Hold the lines that handlers log until they are written."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

import attrs
import trio

from ._handler_ledger import LogLine
from ._log_events import LogEvent, emit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runledger_core import JsonValue, Lease

_BATCH_SIZE: Final = 1000
_MAX_WAITING: Final = 10_000
_MAX_AGE_MS: Final = 2**31 - 1


@attrs.frozen
class _Line:
    said_at: float
    lease: Lease
    message: str
    level: str
    fields: Mapping[str, JsonValue]

    def aged(self, now: float) -> LogLine:
        """Return the line as the port takes it."""
        age_ms = min(max(0, round((now - self.said_at) * 1000)), _MAX_AGE_MS)
        return LogLine(
            lease=self.lease,
            level=self.level,
            message=self.message,
            fields=self.fields,
            age_ms=age_ms,
        )


class JobLog:
    """
    Keep lines from any thread in order, up to a number.

    When the database is slower than the handlers talk, the newest are dropped: a
    handler never waits for its log, and the worker's memory has an end.
    """

    def __init__(self) -> None:
        self._now = trio.lowlevel.current_clock().current_time
        self._lock = threading.Lock()
        self._waiting: deque[_Line] = deque()
        self._taken: list[_Line] = []
        self._dropped_count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(
        self, lease: Lease, message: str, *, level: str, fields: Mapping[str, JsonValue]
    ) -> None:
        """Take a line, unless too many are waiting."""
        line = _Line(self._now(), lease, message, level, fields)
        with self._lock:
            if len(self._waiting) < _MAX_WAITING:
                self._waiting.append(line)
            else:
                self._dropped_count += 1

    def take(self, now: float) -> list[LogLine]:
        """Take the oldest lines, and say how many were dropped meanwhile."""
        with self._lock:
            dropped_count, self._dropped_count = self._dropped_count, 0
            count = min(len(self._waiting), _BATCH_SIZE)
            self._taken = [self._waiting.popleft() for _ in range(count)]
        if dropped_count:
            emit(
                LogEvent.LOG_LINES_LOST,
                "log lines dropped because the database does not keep up: %d",
                dropped_count,
                count=dropped_count,
            )
        return [line.aged(now) for line in self._taken]

    def put_back(self) -> None:
        """Have the lines taken last wait again."""
        with self._lock:
            self._waiting.extendleft(reversed(self._taken))
            self._taken = []
