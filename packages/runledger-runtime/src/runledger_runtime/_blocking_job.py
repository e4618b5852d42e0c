"""Find out which job keeps the event loop from turning, from another thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from ._execution import RUN_ONE_CODE
from ._held_jobs import HeldJob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import FrameType


def describe_blocking_job(frame: FrameType, held: Sequence[HeldJob]) -> str:
    """
    Say which job runs in *frame*, the innermost one of the loop's thread.

    That is the job whose handler is on the stack; or the one whose handler opened the
    nursery of the task that runs; or else any of those that run in the loop.
    """
    frames = list(_outwards(frame))
    job = _job_among(frames) or _job_of_task(frames)
    if job is not None:
        return f"{_named(job)} blocks it"
    candidates = [each for each in held if each.is_async and not each.is_ended]
    if not candidates:
        return "no job's handler seems to be the reason"
    return "it may be one of " + ", ".join(map(_named, candidates[:10]))


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _job_among(frames: Iterable[FrameType]) -> HeldJob | None:
    for frame in frames:
        if frame.f_code is RUN_ONE_CODE:
            job = frame.f_locals.get("job")
            return job if isinstance(job, HeldJob) else None
    return None


def _job_of_task(frames: Iterable[FrameType]) -> HeldJob | None:
    """Look at the tasks above the running one, which trio's own frame names."""
    task = _running_task(frames)
    while task is not None and task.parent_nursery is not None:
        task = task.parent_nursery.parent_task
        job = _job_among(frame for frame, _ in task.iter_await_frames())
        if job is not None:
            return job
    return None


def _running_task(frames: Iterable[FrameType]) -> trio.lowlevel.Task | None:
    for frame in frames:
        if frame.f_globals.get("__name__", "").startswith("trio."):
            task: Any = frame.f_locals.get("task")
            if isinstance(task, trio.lowlevel.Task):
                return task
    return None


def _named(job: HeldJob) -> str:
    return f"job {job.lease.job_id} ({job.claimed.job_type})"
