"""Carry a stable code and a sentence that is safe to show.

    RunledgerError
     +-- ValidationError (also a ValueError): a value is refused before any I/O
     +-- runledger_postgres.QueryError and its siblings
     +-- runledger_runtime's own

The code decides everything else: its category and its sentence stand in
``runledger_core.codes``. What must not be shown, such as a driver's text or a key,
goes into ``internal`` and comes out only through ``internal_message()``.
"""

from __future__ import annotations

from .codes import CODES, ErrorCategory

__all__ = ["ErrorCategory", "RunledgerError", "ValidationError"]


class RunledgerError(Exception):
    """
    Be the base of every error that Runledger raises.

    Args:
        code: a code of the table; any other raises KeyError, since it is a
            programming fault.
        detail: what this occurrence adds, such as a field's name. It is shown to
            clients: never put a payload, a key or a driver's text here.
        internal: what only the server's log may hold.
    """

    code: str
    category: ErrorCategory
    client_message: str

    def __init__(
        self, code: str, detail: str | None = None, *, internal: str | None = None
    ) -> None:
        entry = CODES[code]
        # Exactly the positional arguments, so that pickle and copy can rebuild it.
        super().__init__(code, detail)
        self.code = entry.code
        self.category = entry.category
        self.client_message = (
            entry.message if detail is None else f"{entry.message} ({detail})"
        )
        self._internal = internal

    def internal_message(self) -> str:
        """Return everything that is known, for the server's log only."""
        return str(self) if self._internal is None else f"{self}: {self._internal}"

    def __str__(self) -> str:
        return f"{self.code}: {self.client_message}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


class ValidationError(RunledgerError, ValueError):
    """Refuse a value before anything is sent to the database."""
