"""The part of the port that serves handlers while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

from runledger_core import JsonValue, Lease  # noqa: TC001  attrs resolves these

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runledger_core import RunledgerError


@attrs.frozen
class SavedValue:
    """A checkpoint; None takes an earlier one back, which no checkpoint does not."""

    value: JsonValue = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Report:
    """What a handler says about its job; what is left out keeps its stored value."""

    lease: Lease
    stage: str | None = None
    progress_done: int | None = None
    progress_total: int | None = None
    checkpoint: SavedValue | None = None


@attrs.frozen(kw_only=True)
class LogLine:
    """A line for a job's log, and how long ago it was said."""

    lease: Lease
    level: str
    message: str = attrs.field(repr=False)
    fields: Mapping[str, JsonValue] = attrs.field(repr=False)
    age_ms: int


class HandlerLedger(Protocol):
    """What is asked of the ledger on behalf of handlers that run."""

    async def report(
        self, reports: Sequence[Report], *, timeout_seconds: float
    ) -> Sequence[RunledgerError | None]:
        """
        Write reports down under their leases, with a result for each in order.

        A result that is an error says why that one was left alone:
        ``job.lease_owner_mismatch``, ``job.invalid_progress``, or ``job.busy`` when it
        may be repeated.
        """
        ...

    async def write_log(
        self, lines: Sequence[LogLine], *, timeout_seconds: float
    ) -> None:
        """Add lines to the logs of jobs, leases or not."""
        ...
