"""Hear that there is work, for as long as notifications arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from runledger_core import RunledgerError

from ._log_events import LogEvent, emit
from ._ticks import Backoff, spread

if TYPE_CHECKING:
    from ._held_jobs import HeldJobs
    from ._ledger import Ledger

# How long to leave a server alone behind which notifications are known to get lost.
_DEAF_SECONDS: Final = 300.0


class WakeUp:
    """
    Keep a worker's ear open, and remember what was heard until it is asked for.

    Where notifications do not arrive, or the connection is lost, it tries again after
    growing pauses; meanwhile `is_working` is false and the worker polls. That is logged
    once, and once more when it works again.

    Args:
        ledger: where to listen.
        held: told of every change, which is what a resting worker waits for.
        worker_id: whose notifications.
    """

    def __init__(self, ledger: Ledger, held: HeldJobs, worker_id: str) -> None:
        self._ledger = ledger
        self._held = held
        self._worker_id = worker_id
        self._backoff = Backoff()
        self._is_loss_known = False
        self.is_working = False
        self.is_heard = False

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._ledger.listen(
                    self._worker_id, on_ready=self._begin, on_wake=self.hear
                )
            except RunledgerError as error:
                await trio.sleep(self._lose(error))

    def hear(self) -> None:
        """Be told that there is work."""
        self.is_heard = True
        self._held.notify()

    def forget(self) -> None:
        """Begin to look for work, which answers whatever was heard before."""
        self.is_heard = False

    def _begin(self) -> None:
        if self._is_loss_known:
            emit(
                LogEvent.NOTIFICATIONS_ARRIVE,
                "notifications arrive: new jobs are heard of at once",
            )
        self._is_loss_known = False
        self._backoff.reset()
        self.is_working = True
        self.hear()  # what was sent before this moment is lost

    def _lose(self, error: RunledgerError) -> float:
        """Return how long to wait before trying again."""
        emit(
            LogEvent.NOTIFICATIONS_LOST,
            "new jobs are found by polling; %s",
            error.internal_message(),
            code=error.code,
            is_minor=self._is_loss_known,
        )
        self._is_loss_known = True
        if self.is_working:
            self.is_working = False
            self.hear()
        if error.code == "runtime.notifications_not_received":
            return spread(_DEAF_SECONDS)
        return self._backoff.next_pause()
