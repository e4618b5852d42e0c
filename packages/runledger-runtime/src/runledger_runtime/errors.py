"""
The errors of the runtime.

::

    RunledgerError
     +-- ConfigError          a setting cannot be used
     +-- CatalogError         a handler or a request does not fit the catalog
     +-- SupervisorError      a supervisor could not start, or did not end well
     +-- LedgerTimeoutError   the database did not answer in time
    JobCancelledError         not an error of ours: it ends a handler

What the storage layer raises passes through unchanged.
"""

from __future__ import annotations

from runledger_core import RunledgerError, ValidationError

__all__ = [
    "CatalogError",
    "ConfigError",
    "JobCancelledError",
    "LedgerTimeoutError",
    "SupervisorError",
]


class ConfigError(ValidationError):
    """Refuse a setting; the message names it and its value."""


class CatalogError(ValidationError):
    """Refuse a handler, or a request for a job type that the catalog does not have."""


class SupervisorError(RunledgerError):
    """Report that a supervisor could not start, or that a task of it failed."""


class LedgerTimeoutError(RunledgerError):
    """
    Give up waiting for the database; the operation may still happen there.

    Its code is ``db.connection_failed``.
    """


class JobCancelledError(BaseException):
    """
    End a handler that asked whether it may go on, and may not.

    `JobContext.raise_if_cancelled` raises it. It is no `Exception`, so that a
    handler's own ``except Exception`` does not swallow it.
    """
