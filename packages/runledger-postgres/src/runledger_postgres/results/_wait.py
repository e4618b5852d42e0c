"""
Decide when to look for a result, and when to stop.

A wait is a generator that asks its driver to look, to register, to pause; it does none
of that itself. Drivers for threads, asyncio and trio run it, each of one screen.

Notifications only make it look earlier. The next look is due at a fixed instant, which
no notification moves: whatever wakes the waiter, and however often, cannot keep it
from looking. The first looks come soon after each other, because what ends while the
registration is on its way notifies nobody; later ones come every *poll_interval*.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from runledger_core import RunledgerError

from ..errors import (
    CommitUnconfirmedError,
    DatabaseConnectionError,
    QueryError,
    ResultTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from runledger_core import JsonValue

    from ._ends import Result

FIRST_GAP_SECONDS: Final = 0.05
SHORTEST_INTERVAL_SECONDS: Final = 0.001
LAST_LOOK_SECONDS: Final = 0.25
"""How long the look at the deadline may wait for a connection."""
LONGEST_LOOK_SECONDS: Final = 30.0
REGISTRATION_SECONDS: Final = 60.0


@attrs.frozen
class Look:
    """Look for the result; wait no longer than this for a connection to do so."""

    within_seconds: float


@attrs.frozen
class Register:
    """Listen from now on, and say for so long that somebody waits."""

    ttl_seconds: float
    within_seconds: float


@attrs.frozen
class Pause:
    """Wait until a notification comes, or until this instant of the clock."""

    until: float


WaitStep: TypeAlias = Look | Register | Pause
Waiting: TypeAlias = "Generator[WaitStep, Result | None, JsonValue]"
"""Is sent what a look has found, and None after all else; errors are thrown in."""


def waiting(
    area: str,
    *,
    timeout: float,
    poll_interval: float,
    clock: Callable[[], float],
    listens: bool = True,
) -> Waiting:
    """
    Wait for a result for *timeout* seconds, looking every *poll_interval* at least.

    The first look's errors go through. Later ones that may pass are waited out: the
    result may come while the database restarts. *area* is whose codes to raise, "job"
    or "workflow".

    Raises:
        QueryError: ``<area>.invalid_result_wait``, ``<area>.handle_storage_error`` when
            the last look was not answered, and what a look raises.
        ResultTimeoutError: ``<area>.result_wait_timeout``.
    """
    if not (timeout >= 0 and 0 < poll_interval < math.inf):
        raise QueryError(f"{area}.invalid_result_wait")
    interval = max(poll_interval, SHORTEST_INTERVAL_SECONDS)
    deadline = clock() + timeout
    found = yield Look(_patience(deadline - clock()))
    if timeout == 0 or found is not None:
        return _value(found, area)
    gap = min(FIRST_GAP_SECONDS, interval)
    register_at = clock()
    look_at = register_at if listens else register_at + gap
    while True:
        if listens and clock() >= register_at:
            register_at = clock() + REGISTRATION_SECONDS / 2
            yield from _registered(deadline - clock())
        yield Pause(min(look_at, deadline))
        now = clock()
        if now >= look_at:
            look_at = now + gap
            gap = min(2 * gap, interval)
        is_last = now >= deadline
        found = yield from _looked(area, deadline - now, is_last=is_last)
        if is_last or found is not None:
            return _value(found, area)


def _value(found: Result | None, area: str) -> JsonValue:
    if found is None:
        raise ResultTimeoutError(f"{area}.result_wait_timeout")
    return found.value


def _registered(
    seconds_left: float,
) -> Generator[WaitStep, Result | None, None]:
    """Register; who cannot, for want of a privilege or of anything, still polls."""
    try:
        yield Register(min(REGISTRATION_SECONDS, seconds_left), _patience(seconds_left))
    except RunledgerError:
        return


def _looked(
    area: str, seconds_left: float, *, is_last: bool
) -> Generator[WaitStep, Result | None, Result | None]:
    """Look once more; take an error that may pass for an answer that did not come."""
    try:
        return (yield Look(_patience(seconds_left)))
    except RunledgerError as error:
        if not _may_pass(error):
            raise
        if is_last:
            raise QueryError(
                f"{area}.handle_storage_error", internal=error.internal_message()
            ) from error
        return None


def _patience(seconds_left: float) -> float:
    return min(max(seconds_left, LAST_LOOK_SECONDS), LONGEST_LOOK_SECONDS)


def _may_pass(error: RunledgerError) -> bool:
    if isinstance(error, QueryError):
        return error.is_transient
    return isinstance(error, (CommitUnconfirmedError, DatabaseConnectionError))
