"""Tell a process manager how a worker process ended."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """
    Tell a process manager how a worker process ended.

    The numbers are those of sysexits.h, so systemd's ``RestartPreventExitStatus=78``
    stops restarts that cannot help.
    """

    OK = 0
    """It was asked to stop, or had nothing left to do, and left nothing behind."""
    UNAVAILABLE = 69
    """It could not start: the database did not answer."""
    FAILED = 70
    """A task of it failed in a way that it did not expect."""
    INTERRUPTED = 75
    """It was asked to stop and could not wait for its jobs: their leases expire."""
    MISCONFIGURED = 78
    """It could not start: settings, schema and installation do not fit."""
