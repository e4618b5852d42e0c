"""Know who in this process waits for what, and whom a notification is for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from uuid import UUID

from .._statements import statement

if TYPE_CHECKING:
    from collections.abc import Callable

LISTEN: Final = (
    statement("results/listen_for_jobs"),
    statement("results/listen_for_runs"),
)
OWN_SETTINGS: Final = {
    "autocommit": True,
    # Shown by pg_stat_activity, unless the pool's connections have a name.
    "fallback_application_name": "runledger results",
}
TICK_SECONDS: Final = 1.0
"""How often a listener looks whether it is still wanted."""
LINGER_SECONDS: Final = 5.0
"""How long a listener stays when nobody waits any more."""
FIRST_RETRY_SECONDS: Final = 1.0
LAST_RETRY_SECONDS: Final = 30.0


class Watch:
    """
    Hold the wakers of all waiters, by what they wait for.

    A waker is called without arguments, from the listener's thread or task, and must
    not block. Not safe for threads by itself.
    """

    def __init__(self) -> None:
        self._wakers: dict[UUID, list[Callable[[], object]]] = {}
        self._idle_since = 0.0

    def add(self, target_id: UUID, wake: Callable[[], object]) -> None:
        """Wake by this when *target_id* ends, or when something was missed."""
        self._wakers.setdefault(target_id, []).append(wake)

    def remove(
        self, target_id: UUID, wake: Callable[[], object], *, now: float
    ) -> None:
        """Take the waker out again."""
        wakers = self._wakers[target_id]
        wakers.remove(wake)
        if not wakers:
            del self._wakers[target_id]
        self._idle_since = now

    def is_wanted(self, *, now: float) -> bool:
        """Whether somebody waits, or did until a moment ago."""
        return bool(self._wakers) or now - self._idle_since < LINGER_SECONDS

    def wake_all(self) -> None:
        """Wake everybody: what ended while nobody listened told nobody."""
        for wakers in self._wakers.values():
            for wake in wakers:
                wake()

    def wake(self, payload: str) -> None:
        """Wake who waits for what a notification tells of; others are left alone."""
        target_id = _target_id(payload)
        for wake in self._wakers.get(target_id, ()) if target_id else ():
            wake()


def _target_id(payload: str) -> UUID | None:
    """Read a notification. Anybody may send one, so it may say anything."""
    try:
        told = json.loads(payload)
        return UUID(told.get("job_id") or told["workflow_run_id"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
