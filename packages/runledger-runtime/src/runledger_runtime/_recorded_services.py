"""Stand in for the worker in tests of handlers."""

from __future__ import annotations

import math
from collections.abc import Mapping  # noqa: TC003  attrs resolves these at run time

import attrs

from runledger_core import JsonValue  # noqa: TC001  attrs resolves these at run time


@attrs.frozen(kw_only=True)
class RecordedProgress:
    """One call of `JobContext.set_progress`."""

    done: int | None = None
    total: int | None = None
    stage: str | None = None


@attrs.frozen(kw_only=True)
class RecordedLine:
    """One call of `JobContext.log`, as it would be stored."""

    message: str
    level: str = "info"
    fields: Mapping[str, JsonValue] = attrs.field(factory=dict)


@attrs.define(kw_only=True)
class RecordedServices:
    """
    Remember what a handler reports, for a test that has no worker.

    Pass one as ``services`` to a `JobContext` made by hand, call the handler, and look
    at it. Without one, such a context records for nobody.

    Args:
        deadline: what the handler finds as its deadline.
        is_cancelled: what the handler is told when it asks; a test may change it.
        progress: the calls of ``set_progress``, in order.
        checkpoints: the values of ``save_checkpoint``, in order.
        lines: the calls of ``log``, in order.
    """

    deadline: float = math.inf
    is_cancelled: bool = False
    progress: list[RecordedProgress] = attrs.field(factory=list)
    checkpoints: list[JsonValue] = attrs.field(factory=list)
    lines: list[RecordedLine] = attrs.field(factory=list)

    def remaining_seconds(self) -> float:
        """Return how long the handler may still take: no time once it is cancelled."""
        return 0.0 if self.is_cancelled else math.inf

    def report_progress(
        self, *, done: int | None, total: int | None, stage: str | None
    ) -> None:
        """Record progress."""
        recorded = RecordedProgress(done=done, total=total, stage=stage)
        self.progress.append(recorded)

    def report_line(
        self, message: str, *, level: str, fields: Mapping[str, JsonValue]
    ) -> None:
        """Record a line of the log."""
        line = RecordedLine(message=message, level=level, fields=fields)
        self.lines.append(line)

    async def save_checkpoint(self, value: JsonValue) -> None:
        """Record a checkpoint."""
        self.checkpoints.append(value)

    def save_checkpoint_from_thread(self, value: JsonValue) -> None:
        """Record a checkpoint."""
        self.checkpoints.append(value)
