"""Bound the connections that one process's tests may open together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self

from ._errors import BUDGET_EXHAUSTED, INVALID_ARGUMENT, TestSupportError
from ._settings import CONNECTION_BUDGET, read_settings

if TYPE_CHECKING:
    from types import TracebackType

WAIT_SECONDS: Final = 60.0


class ConnectionBudget:
    """A semaphore of which one holder takes many permits at once."""

    def __init__(self, permits: int, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._permits = permits
        self._free = permits
        self._wait_seconds = wait_seconds
        self._changed = threading.Condition()

    @property
    def free(self) -> int:
        """Permits that nobody holds."""
        return self._free

    def reserve(self, permits: int) -> Reservation:
        """
        Take *permits*, waiting until others give some back.

        All or nothing: holders of a part would wait for each other.

        Raises:
            TestSupportError: ``test_support.budget_exhausted`` if it is more than there
                is, or if nobody gave enough back in time.
        """
        if permits > self._permits:
            raise TestSupportError(
                BUDGET_EXHAUSTED,
                f"{permits} connections are more than the whole budget of "
                f"{self._permits}; raise {CONNECTION_BUDGET}",
            )
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._free >= permits, timeout=self._wait_seconds
            ):
                raise TestSupportError(
                    BUDGET_EXHAUSTED,
                    f"{permits} connections wanted, {self._free} of {self._permits} "
                    f"free after {self._wait_seconds:.0f} s; tear down databases "
                    f"that are not in use, or raise {CONNECTION_BUDGET}",
                )
            self._free -= permits
        return Reservation(self, permits)

    def _give_back(self, permits: int) -> None:
        with self._changed:
            self._free += permits
            self._changed.notify_all()


class Reservation:
    """Permits taken from a budget, given back once; also at the end of a ``with``."""

    def __init__(self, budget: ConnectionBudget, permits: int) -> None:
        self._budget = budget
        self._permits = permits
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the permits back. A repeat does nothing."""
        with self._lock:
            permits, self._permits = self._permits, 0
        if permits:
            self._budget._give_back(permits)  # noqa: SLF001  its other half


_process_budget: ConnectionBudget | None = None
_process_lock = threading.Lock()


def process_budget() -> ConnectionBudget:
    """Return the budget of this process, sized by the environment at first use."""
    global _process_budget  # noqa: PLW0603  one per process is the point
    with _process_lock:
        if _process_budget is None:
            _process_budget = ConnectionBudget(read_settings().connection_budget)
        return _process_budget


def acquire_test_db_connection_budget(permits: int) -> Reservation:
    """
    Take permits for connections that a test opens besides those of its databases.

    The budget of the process is ``RUNLEDGER_TEST_DB_CONNECTION_BUDGET``, 64 by default;
    every ephemeral database takes its own share. Waits up to a minute, all or nothing.
    Use it in a ``with``, or call ``release``.

    Raises:
        TestSupportError: ``test_support.invalid_argument`` for less than one permit,
            ``test_support.budget_exhausted``.
    """
    if permits < 1:
        raise TestSupportError(INVALID_ARGUMENT, "permits must be at least 1")
    return process_budget().reserve(permits)
