"""Say how a supervisor fares: what a host shows to whoever watches its processes."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runledger_core import JsonValue

__all__ = ["Health", "LoopHealth", "SupervisorPhase"]


class SupervisorPhase(Enum):
    """Say how far a supervisor has come."""

    STARTING = "STARTING"
    """It has not begun to work: it was just made, checks, or waits for the database."""
    RUNNING = "RUNNING"
    """Its loops run."""
    STOPPING = "STOPPING"
    """It was asked to stop, and brings to an end what it had begun."""
    STOPPED = "STOPPED"
    """It has ended, for whatever reason, and will not run again."""


@attrs.frozen(kw_only=True)
class LoopHealth:
    """
    Say how one loop fares.

    Args:
        last_success_seconds: how long ago the database last answered it; None if it
            never has.
        last_error: the code and the sentence of its last failure, None if a call has
            succeeded since. Safe to show.
    """

    last_success_seconds: float | None
    last_error: str | None


@attrs.frozen(kw_only=True)
class Health:
    """
    Say how a supervisor fares at this moment.

    Args:
        phase: how far it has come.
        is_live: whether it is worth keeping. Not if it has stopped, nor if its event
            loop has not turned for as long as a lease lasts: a handler blocks it, and
            only a restart helps. A database that does not answer leaves it live.
        is_ready: whether it works: its loops run, and the database answers.
        database_ok_seconds: for how long the database has answered every call; None
            while it does not, and before it was asked.
        event_loop_lag_seconds: how long its event loop has kept others waiting.
        held_jobs_count: jobs that it holds: those that run, and those whose outcomes
            are being written.
        loops: each of its loops by name.
    """

    phase: SupervisorPhase
    is_live: bool
    is_ready: bool
    database_ok_seconds: float | None
    event_loop_lag_seconds: float
    held_jobs_count: int
    loops: Mapping[str, LoopHealth]

    def as_json(self) -> dict[str, JsonValue]:
        """Return all of it as JSON, for an HTTP answer; ages in whole milliseconds."""
        return {
            "phase": self.phase.value,
            "is_live": self.is_live,
            "is_ready": self.is_ready,
            "database_ok_seconds": _rounded(self.database_ok_seconds),
            "event_loop_lag_seconds": _rounded(self.event_loop_lag_seconds),
            "held_jobs_count": self.held_jobs_count,
            "loops": {
                name: {
                    "last_success_seconds": _rounded(loop.last_success_seconds),
                    "last_error": loop.last_error,
                }
                for name, loop in self.loops.items()
            },
        }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
