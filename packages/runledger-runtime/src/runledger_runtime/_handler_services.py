"""Serve one handler: its job's time, and what it reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from typing import TypeAlias

    from runledger_core import JsonValue

    from ._context import HandlerServices
    from ._held_jobs import HeldJob
    from ._reporter import Reporter

    Ask: TypeAlias = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


@attrs.define(eq=False)
class JobServices:
    """Stand between a handler, in whatever thread, and the worker."""

    _job: HeldJob
    _reporter: Reporter

    @property
    def deadline(self) -> float:
        """When the handler's time is up."""
        return self._job.deadline

    @property
    def is_cancelled(self) -> bool:
        """Whether the handler should stop."""
        return self._job.is_cancelled()

    def remaining_seconds(self) -> float:
        """Return how long the handler may still run."""
        return self._job.remaining_seconds()

    def report_progress(
        self, *, done: int | None, total: int | None, stage: str | None
    ) -> None:
        """Have progress written."""
        self._reporter.put_progress(self._job, done=done, total=total, stage=stage)

    def report_line(
        self, message: str, *, level: str, fields: Mapping[str, JsonValue]
    ) -> None:
        """Have a line of the log written."""
        self._reporter.put_line(self._job, message, level=level, fields=fields)

    def save_checkpoint(self, value: JsonValue) -> Coroutine[Any, Any, None]:
        """Have a checkpoint written, and wait until it is."""
        if not self._reporter.is_in_this_thread:
            # Nobody could await it there, and so it would be forgotten.
            raise RuntimeError("plain handlers call save_checkpoint_from_thread()")
        return self._reporter.save_checkpoint(self._job, value)

    def save_checkpoint_from_thread(self, value: JsonValue) -> None:
        """Have a checkpoint written, and wait until it is."""
        if self._reporter.is_in_this_thread:
            raise RuntimeError("async handlers await save_checkpoint()")
        self._reporter.save_checkpoint_from_thread(self._job, value)


class BridgedServices:
    """
    Stand between a handler in asyncio and the worker.

    All but one thing may be asked for in any thread.

    Args:
        services: what the worker does for the handler.
        ask: has something done in trio, and waits for it.
    """

    def __init__(self, services: HandlerServices, ask: Ask) -> None:
        self._services = services
        self._ask = ask

    def __getattr__(self, name: str) -> Any:
        return getattr(self._services, name)

    async def save_checkpoint(self, value: JsonValue) -> None:
        """Have a checkpoint written, and wait until it is."""
        await self._ask(lambda: self._services.save_checkpoint(value))

    def save_checkpoint_from_thread(self, value: JsonValue) -> None:  # noqa: ARG002
        """Refuse to block the asyncio loop."""
        raise RuntimeError("async handlers await save_checkpoint()")
