"""Tell a handler which attempt it runs, and whether it may go on."""

from __future__ import annotations

import math
from typing import Protocol

import attrs

import runledger_core

from .errors import JobCancelledError


class HandlerServices(Protocol):
    """What the worker does for a handler that runs."""

    @property
    def deadline(self) -> float: ...

    def is_cancelled(self) -> bool: ...

    def remaining_seconds(self) -> float: ...


@attrs.frozen(kw_only=True)
class JobContext(runledger_core.JobContext):
    """
    Be what a handler gets beside its payload: core's data, and services.

    A context made by hand, as in a test of a handler, has no deadline and is never
    cancelled. Plain handlers may use all of it from their threads.
    """

    _services: HandlerServices | None = attrs.field(default=None, repr=False, eq=False)

    @property
    def deadline(self) -> float:
        """When the attempt's time is up, on the clock of ``trio.current_time()``."""
        return math.inf if self._services is None else self._services.deadline

    @property
    def is_cancelled(self) -> bool:
        """Whether the handler should stop: time is up, lease lost, or shutdown."""
        return self._services is not None and self._services.is_cancelled()

    def remaining_seconds(self) -> float:
        """Return how long the attempt may still take; 0 when its time is up."""
        return (
            math.inf if self._services is None else self._services.remaining_seconds()
        )

    def raise_if_cancelled(self) -> None:
        """
        End the handler if it should stop; plain handlers call it now and then.

        An async handler need not: it is cancelled at its next checkpoint. A thread
        cannot be ended from outside. One that never asks goes on for nothing, keeps a
        slot, and may still be running while its job is tried again.

        Raises:
            JobCancelledError: let it pass through.
        """
        if self.is_cancelled:
            raise JobCancelledError
