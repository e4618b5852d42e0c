"""
The errors of the storage layer.

::

    RunledgerError
    ├── QueryError                  a statement, or what it found, was refused
    │   ├── ResultTimeoutError      the wait for a result was not long enough
    │   └── ResultUnsuccessfulError what was waited for ended without success
    ├── DatabaseConnectionError     no connection, or it broke: nothing was committed
    ├── CommitUnconfirmedError      COMMIT was sent, no answer came: outcome unknown
    └── SchemaCompatibilityError    database and code do not fit
        └── MigrationError          ... and a migration could not mend it

``str()`` and ``repr()`` are safe to show: they never hold payloads, keys or the
server's words. ``internal_message()`` adds the server's sentence, for the host's log.
``__cause__``, the driver's error, also has the server's detail, which quotes the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runledger_core import RunledgerError

if TYPE_CHECKING:
    from runledger_core import JobStatus, WorkflowRunStatus

__all__ = [
    "CommitUnconfirmedError",
    "DatabaseConnectionError",
    "MigrationError",
    "QueryError",
    "ResultTimeoutError",
    "ResultUnsuccessfulError",
    "SchemaCompatibilityError",
]

_TRANSIENT_CLASSES: Final = ("08", "40", "53", "57P")
_TRANSIENT_STATES: Final = ("55P03", "57014")


class QueryError(RunledgerError):
    """A statement failed, or an operation refused what it found."""

    def __init__(
        self,
        code: str,
        detail: str | None = None,
        *,
        internal: str | None = None,
        sqlstate: str | None = None,
        constraint: str | None = None,
    ) -> None:
        super().__init__(code, detail, internal=internal)
        self.sqlstate = sqlstate
        self.constraint = constraint

    @property
    def is_transient(self) -> bool:
        """
        Whether the same call may succeed when it is made again.

        True for serialization failures, deadlocks, lock and statement timeouts, and
        a server that is short of resources or shutting down.
        """
        state = self.sqlstate or ""
        return state.startswith(_TRANSIENT_CLASSES) or state in _TRANSIENT_STATES


class ResultTimeoutError(QueryError, TimeoutError):
    """What was waited for has not ended yet; it goes on without the waiter."""


class ResultUnsuccessfulError(QueryError):
    """
    What was waited for has ended without success.

    ``status`` says how, ``reason`` is its stored status reason, ``error_code`` and
    ``error_message`` are of a job's last failure. Of these only the status is in the
    sentence: what handlers write is not known to be safe to show.
    """

    def __init__(
        self,
        code: str,
        *,
        status: JobStatus | WorkflowRunStatus,
        reason: str | None = None,
        error_code: str | None = None,
        error_message: str | None = None,
    ) -> None:
        told = [text for text in (reason, error_code, error_message) if text]
        super().__init__(code, f"it is {status}", internal=", ".join(told) or None)
        self.status = status
        self.reason = reason
        self.error_code = error_code
        self.error_message = error_message


class DatabaseConnectionError(RunledgerError):
    """No connection could be had, or it broke before COMMIT: nothing was written."""


class CommitUnconfirmedError(RunledgerError):
    """
    COMMIT was sent and no answer came: the work may or may not be there.

    Only a repeat that cannot do harm resolves it: a keyed enqueue, a completion
    under its lease. It is no QueryError on purpose, so that no code mistakes it for
    an ordinary failure.
    """


class SchemaCompatibilityError(RunledgerError):
    """The database does not hold the schema this code was built for."""


class MigrationError(SchemaCompatibilityError):
    """The migrations cannot be applied to this database."""
