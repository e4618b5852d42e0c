"""What a supervisor does before its loops run: find its handlers, meet the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from runledger_core import RunledgerError

from ._log_events import LogEvent, emit
from ._ticks import Backoff
from .errors import SupervisorError
from .registry import JobRegistry

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._ledger import Ledger
    from ._stop import Stop
    from .catalog import JobCatalog
    from .config import JobsConfig


def registry_of(
    catalog: JobCatalog | None, registry: JobRegistry | None, *, is_needed: bool
) -> JobRegistry:
    """
    Return the handlers of a supervisor, an empty registry where none are needed.

    Raises:
        SupervisorError: ``runtime.missing_catalog``.
    """
    found = registry if catalog is None else catalog.to_registry()
    if found is None:
        if is_needed:
            raise SupervisorError("runtime.missing_catalog")
        return JobRegistry()
    if is_needed and not found.registered_types:
        raise SupervisorError("runtime.missing_catalog", "it has no handlers")
    return found


class Announcement:
    """Be the task status of a run for those who are not told by a nursery."""

    def __init__(self, tell: Callable[[], object]) -> None:
        self._tell = tell

    def started(self, value: None = None) -> None:  # noqa: ARG002 - trio's signature
        """Be told that work begins."""
        self._tell()


async def meet_database(
    ledger: Ledger,
    catalog: JobCatalog | None,
    config: JobsConfig,
    stop: Stop,
) -> bool:
    """
    Check the database and store the catalog in it, waiting for it if asked to.

    A database that cannot be reached is tried again, after growing pauses, until
    ``startup_wait_seconds`` are over or somebody asks to stop. What another try would
    find again is raised at once.

    Returns:
        Whether it did; False if somebody asked to stop before it could.

    Raises:
        RunledgerError: what the checks found, or why the last try failed.
    """
    deadline = trio.current_time() + config.startup_wait_seconds
    backoff = Backoff()
    while True:
        try:
            await _meet(ledger, catalog, config)
        except RunledgerError as error:
            seconds_left = deadline - trio.current_time()
            if seconds_left <= 0 or not ledger.is_transient(error):
                raise
            emit(
                LogEvent.START_WAITS,
                "cannot start yet, trying for another %.0f seconds; %s",
                seconds_left,
                error.internal_message(),
                code=error.code,
            )
            pause_seconds = min(backoff.next_pause(), seconds_left)
        else:
            return True
        with stop.ending() as scope:
            await trio.sleep(pause_seconds)
        if scope.cancelled_caught:
            return False


async def _meet(ledger: Ledger, catalog: JobCatalog | None, config: JobsConfig) -> None:
    seconds = config.database_timeout_seconds
    await ledger.check(timeout_seconds=seconds)
    if catalog is None:
        return
    definitions, schedules = catalog.definitions(), catalog.schedules()
    await ledger.sync_definitions(definitions, timeout_seconds=seconds)
    if schedules:
        await ledger.sync_schedules(schedules, timeout_seconds=seconds)
