"""Run plain handlers in threads, and keep count of those that cannot be ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._context import JobContext
    from ._held_jobs import HeldJob, HeldJobs


class HandlerThreads:
    """
    Bound the threads of plain handlers, apart from everybody else's.

    There are as many as the worker has slots, so a job that has a slot never waits for
    a thread. When an attempt is given up its thread is left behind, since no thread
    can be ended from outside, and its slot stays taken until the thread has ended.
    """

    def __init__(self, held: HeldJobs) -> None:
        self._held = held
        self._limiter = trio.CapacityLimiter(held.capacity)

    async def run(
        self,
        call: Callable[[JobContext, Any], Any],
        context: JobContext,
        payload: object,
        *,
        job: HeldJob,
    ) -> Any:
        """Call a handler in a thread; when cancelled, leave the thread behind."""
        place = _Place(self._limiter, self._held, job.claimed.job_type)
        try:
            return await trio.to_thread.run_sync(
                _called,
                call,
                context,
                payload,
                job,
                abandon_on_cancel=True,
                # trio asks for no more than the two methods that _Place has.
                limiter=cast("trio.CapacityLimiter", place),
            )
        except trio.Cancelled:
            place.leave_behind()
            raise


def _called(
    call: Callable[[JobContext, Any], Any],
    context: JobContext,
    payload: object,
    job: HeldJob,
) -> Any:
    """Begin in the thread, unless the job was given up before the thread began."""
    return None if job.is_cancelled() else call(context, payload)


class _Place:
    """One thread's place under the limit, and whether its job is still waiting."""

    def __init__(
        self, limiter: trio.CapacityLimiter, held: HeldJobs, job_type: str
    ) -> None:
        self._limiter = limiter
        self._held = held
        self._job_type = job_type
        self._is_taken = False
        self._is_stray = False

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        """Be asked by trio before it starts the thread."""
        await self._limiter.acquire_on_behalf_of(borrower)
        self._is_taken = True

    def release_on_behalf_of(self, borrower: object) -> None:
        """Be told by trio that the thread has ended, however long after."""
        self._limiter.release_on_behalf_of(borrower)
        self._is_taken = False
        if self._is_stray:
            self._held.remove_stray(self._job_type)

    def leave_behind(self) -> None:
        """Count the thread as a stray, if there is one."""
        if self._is_taken and not self._is_stray:
            self._is_stray = True
            self._held.add_stray(self._job_type)
