"""Call the dead-letter hooks of handlers, when the dead letter is committed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from runledger_core import JobDeadLetterInfo, JobFailure

from ._context import JobContext
from ._log_events import LogEvent, emit
from ._outcomes import only_cancellation

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import DeadLetterReason, JsonValue, Lease

    from ._handlers import HandlerEntry
    from .registry import JobRegistry

_HOOK_SECONDS: Final = 10.0
_MAX_AT_ONCE: Final = 16
_MAX_WAITING: Final = 1000


class DeadLetterHooks:
    """
    Tell handlers that one of their jobs is dead, for good.

    At most once, and best effort: in the process that recorded it, after the commit,
    ten seconds for each, and a shutdown ends it. An exception is logged and changes
    nothing. Plain hooks run in threads, as plain handlers do.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        registry: JobRegistry,
        *,
        catches_interrupts: bool = False,
    ) -> None:
        self._nursery = nursery
        self._registry = registry
        self._passes_through = () if catches_interrupts else (KeyboardInterrupt,)
        self._places = trio.CapacityLimiter(_MAX_AT_ONCE)
        self._threads = trio.CapacityLimiter(_MAX_AT_ONCE)
        self._waiting_count = 0
        self._is_done = trio.Event()

    def start(
        self,
        *,
        lease: Lease,
        job_type: str,
        organization_id: UUID | None,
        max_attempts: int,
        payload: JsonValue,
        checkpoint: JsonValue,
        failure: JobFailure,
        reason: DeadLetterReason,
    ) -> None:
        """Have the hook called, if the job type has one here; never blocks."""
        entry = self._registry.get(job_type)
        if entry is None or entry.on_dead_letter is None:
            return
        if self._waiting_count >= _MAX_WAITING:
            _report(lease, job_type, "was not called: too many wait", None)
            return
        context = JobContext(
            job_id=lease.job_id,
            run_number=lease.run_number,
            attempt=lease.attempt,
            max_attempts=max_attempts,
            organization_id=organization_id,
            worker_id=lease.worker_id,
            job_type=job_type,
            checkpoint=checkpoint,
        )
        info = JobDeadLetterInfo(failure, reason, max_attempts=max_attempts)
        self._waiting_count += 1
        self._nursery.start_soon(
            self._run, entry, context, payload, info, name="runledger dead-letter hook"
        )

    async def wait_done(self) -> None:
        """Wait until no hook runs any more."""
        while self._waiting_count:
            self._is_done = trio.Event()
            await self._is_done.wait()

    async def _run(
        self,
        entry: HandlerEntry,
        context: JobContext,
        payload: JsonValue,
        info: JobDeadLetterInfo,
    ) -> None:
        report = partial(_report, context.lease, context.job_type)
        try:
            async with self._places:
                with trio.move_on_after(_HOOK_SECONDS) as scope:
                    await self._call(entry, context, _payload(entry, payload), info)
            if scope.cancelled_caught:
                report("took too long", None)
        except (trio.Cancelled, *self._passes_through):
            report("was cut short by the shutdown", None)
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a hook may raise
            if isinstance(error, BaseExceptionGroup):
                cancellation = only_cancellation(error)
                if cancellation is not None:
                    raise cancellation from None
            report("failed", error)
        finally:
            self._waiting_count -= 1
            self._is_done.set()

    async def _call(
        self,
        entry: HandlerEntry,
        context: JobContext,
        payload: object,
        info: JobDeadLetterInfo,
    ) -> None:
        hook = entry.on_dead_letter
        if hook is None:
            return
        if entry.is_hook_async:
            await hook(context, payload, info)
        else:
            await trio.to_thread.run_sync(
                hook,
                context,
                payload,
                info,
                abandon_on_cancel=True,
                limiter=self._threads,
            )


def _payload(entry: HandlerEntry, payload: JsonValue) -> object:
    """Return what the handler would get, or what is stored where that cannot be."""
    if entry.read_payload is None:
        return payload
    try:
        return entry.read_payload(payload)
    except Exception:  # noqa: BLE001 - the job may be dead for this very reason
        return payload


def _report(
    lease: Lease, job_type: str, what: str, error: BaseException | None
) -> None:
    emit(
        LogEvent.DEAD_LETTER_HOOK_FAILED,
        "the dead-letter hook of job %s (%s) %s",
        lease.job_id,
        job_type,
        what,
        error=error,
        lease=lease,
        job_type=job_type,
    )
