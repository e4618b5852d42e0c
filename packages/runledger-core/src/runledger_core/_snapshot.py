"""Write a keyed request down in the form that repeats are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from ._enqueue import JobEnqueue
    from ._json import JsonValue


def job_snapshot(request: JobEnqueue) -> dict[str, JsonValue]:
    """
    Return the canonical snapshot of a request, version 1.

    It holds what was requested, not what the definition filled in: None where the
    request left something out. So spelling out a default is another request than
    leaving it out. Only the stage is resolved. Job type, organization and key are
    not in it, since the row is found by them.

    Two snapshots are compared as jsonb inside PostgreSQL, where 1.0 equals 1 and the
    order of keys does not count.
    """
    return {
        "payload": request.payload,
        "priority": request.priority,
        "max_attempts": request.max_attempts,
        "timeout_seconds": request.timeout_seconds,
        "next_run_at": _instant(request.next_run_at),
        "stage": request.effective_stage,
    }


def _instant(value: datetime | None) -> str | None:
    """Return RFC 3339 in UTC, always with six digits after the second."""
    if value is None:
        return None
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
