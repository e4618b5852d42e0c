"""The one error of this package and its stable codes."""

from __future__ import annotations

from typing import Final

INVALID_SETTING: Final = "test_support.invalid_setting"
INVALID_ARGUMENT: Final = "test_support.invalid_argument"
SERVER_UNAVAILABLE: Final = "test_support.server_unavailable"
SERVER_START_FAILED: Final = "test_support.server_start_failed"
SERVER_TOO_OLD: Final = "test_support.server_too_old"
MIGRATIONS_INVALID: Final = "test_support.migrations_invalid"
MIGRATION_FAILED: Final = "test_support.migration_failed"
DATABASE_FAILED: Final = "test_support.database_failed"
BUDGET_EXHAUSTED: Final = "test_support.budget_exhausted"
DRAIN_FAILED: Final = "test_support.drain_failed"
WORKER_FAILED: Final = "test_support.worker_failed"


class TestSupportError(RuntimeError):
    """
    A test database cannot be had.

    ``code`` is stable and meant for programs; the text is meant for the person who
    reads the test run, says what to do, and never holds a password.
    """

    # pytest collects classes called Test*; this one is imported into test modules.
    __test__ = False

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
