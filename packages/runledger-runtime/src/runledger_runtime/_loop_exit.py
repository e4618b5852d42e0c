"""How a loop ended."""

from __future__ import annotations

from enum import Enum

__all__ = ["RuntimeLoopExit"]


class RuntimeLoopExit(Enum):
    """Say why a loop ended."""

    SHUTDOWN = "SHUTDOWN"
    """It was asked to stop, and left nothing behind."""
    COMPLETED = "COMPLETED"
    """There was nothing left to do, and it was to stop then."""
    INTERRUPTED = "INTERRUPTED"
    """It was asked to stop, and jobs were cut short: their leases will expire."""
