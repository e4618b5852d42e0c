"""
Work out when schedules fire.

Jitter moves each occurrence by up to so many seconds, always later, and always by as
much for the same schedule and occurrence, so that every process works out the same.
What a schedule fires for is the moved instant: its slot.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ._cron import make_cron
from ._instants import check_instant
from ._numbers import check_whole_number
from ._schedule_policies import MisfirePolicy

if TYPE_CHECKING:
    from uuid import UUID

    from ._cron import CronExpression

MAX_JITTER_SECONDS: Final = 86_400
MISFIRE_GRACE_SECONDS: Final = 60
"""A slot that is due no longer than this has not been missed."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_TIME_CODE: Final = "job_schedule.invalid_fire_time"
_MAX_PREVIEW_COUNT: Final = 1000


def jittered_fire_at(
    occurrence: datetime, *, schedule_id: UUID, max_jitter_seconds: int
) -> datetime:
    """
    Return when a schedule fires for an occurrence: up to so many seconds later.

    Raises:
        ValidationError: ``job_schedule.invalid_jitter``.
    """
    limit = check_jitter(max_jitter_seconds)
    milliseconds = (occurrence - _EPOCH) // _MILLISECOND % 2**128
    return occurrence + timedelta(
        seconds=(schedule_id.int ^ milliseconds) % (limit + 1)
    )


def next_fire_at(
    cron: CronExpression,
    *,
    after: datetime,
    schedule_id: UUID,
    max_jitter_seconds: int = 0,
) -> datetime:
    """Return when a schedule fires for its first occurrence after *after*."""
    return jittered_fire_at(
        cron.next_after(after),
        schedule_id=schedule_id,
        max_jitter_seconds=max_jitter_seconds,
    )


def next_fire_at_after_firing(
    cron: CronExpression,
    *,
    scheduled_for: datetime,
    now: datetime,
    schedule_id: UUID,
    max_jitter_seconds: int = 0,
) -> datetime:
    """
    Return when a schedule that has fired for *scheduled_for* fires again: after *now*.

    Of all occurrences after *scheduled_for* the one that fires first after *now*: what
    an outage has missed beyond the one that fired is let go. An occurrence before
    *now* counts if its jitter carries it past. So a jitter of a day with an occurrence
    every second looks at a day of seconds, which takes a fifth of a second; nothing
    takes longer.

    Raises:
        ValidationError: ``job_schedule.invalid_fire_time``,
            ``job_schedule.invalid_jitter``.
    """
    limit = check_jitter(max_jitter_seconds)
    fired = check_instant(scheduled_for, _TIME_CODE)
    present = check_instant(now, _TIME_CODE)
    # No jitter carries an earlier occurrence past now.
    start = max(fired, present - timedelta(seconds=limit))
    best: datetime | None = None
    for occurrence in cron.occurrences_after(start):
        # None that is later still can fire before the best so far.
        if best is not None and occurrence >= best:
            break
        candidate = jittered_fire_at(
            occurrence, schedule_id=schedule_id, max_jitter_seconds=limit
        )
        if candidate > present and (best is None or candidate < best):
            best = candidate
    assert best is not None  # noqa: S101 - the occurrences end with an error
    return best


@attrs.frozen
class Firing:
    """
    What a schedule that is due does now.

    Args:
        slots: the instants to enqueue a job for, in order; maybe none.
        next_fire_at: the next slot, which lies ahead.
    """

    slots: tuple[datetime, ...]
    next_fire_at: datetime


def plan_firing(
    cron: CronExpression,
    *,
    scheduled_for: datetime,
    now: datetime,
    schedule_id: UUID,
    max_jitter_seconds: int = 0,
    misfire_policy: MisfirePolicy = MisfirePolicy.ONCE,
    misfire_limit: int = 1,
) -> Firing:
    """
    Return what to do about a schedule whose slot *scheduled_for* is due at *now*.

    Usually nothing but that slot is due and it is the answer. After an outage the
    policy decides: see `MisfirePolicy`.

    Raises:
        ValidationError: ``job_schedule.invalid_fire_time``,
            ``job_schedule.invalid_jitter``.
    """

    def following(slot: datetime, present: datetime) -> datetime:
        return next_fire_at_after_firing(
            cron,
            scheduled_for=slot,
            now=present,
            schedule_id=schedule_id,
            max_jitter_seconds=max_jitter_seconds,
        )

    slot = check_instant(scheduled_for, _TIME_CODE)
    present = check_instant(now, _TIME_CODE)
    latest_missed = present - timedelta(seconds=MISFIRE_GRACE_SECONDS)
    if misfire_policy is MisfirePolicy.SKIP and slot < latest_missed:
        slot = following(slot, latest_missed)
    slots = [slot] if slot <= present else []
    if misfire_policy is MisfirePolicy.ALL:
        while slots and len(slots) < misfire_limit:
            slot = following(slot, slot)
            if slot > present:
                break
            slots.append(slot)
    return Firing(tuple(slots), following(slots[-1], present) if slots else slot)


def preview_schedule(
    cron: CronExpression | str,
    count: int,
    *,
    start: datetime | None = None,
    schedule_id: UUID | None = None,
    max_jitter_seconds: int = 0,
) -> list[datetime]:
    """
    Return the next times at which a schedule fires, in UTC.

    Args:
        cron: five fields, or six with the seconds first.
        count: how many, 1 to 1000.
        start: they come after this; the default is this computer's time.
        schedule_id: whose jitter to add; without it the times are the occurrences.
        max_jitter_seconds: the schedule's.

    Raises:
        ValidationError: ``job_schedule.invalid_cron``,
            ``job_schedule.invalid_fire_time``, ``job_schedule.invalid_jitter``,
            ``job_schedule.invalid_preview_count``.
    """
    expression = make_cron(cron)
    code = "job_schedule.invalid_preview_count"
    wanted = check_whole_number(count, code, minimum=1, maximum=_MAX_PREVIEW_COUNT)
    limit = check_jitter(max_jitter_seconds)
    # A convenience for people; whatever is stored goes by the database's clock.
    slot = datetime.now(UTC) if start is None else check_instant(start, _TIME_CODE)
    slots: list[datetime] = []
    while len(slots) < wanted:
        if schedule_id is None:
            slot = expression.next_after(slot)
        else:
            slot = next_fire_at_after_firing(
                expression,
                scheduled_for=slot,
                now=slot,
                schedule_id=schedule_id,
                max_jitter_seconds=limit,
            )
        slots.append(slot)
    return slots


def check_jitter(value: object) -> int:
    """
    Return *value* if it is a whole number of seconds from 0 to 86400.

    Raises:
        ValidationError: ``job_schedule.invalid_jitter``.
    """
    code = "job_schedule.invalid_jitter"
    return check_whole_number(value, code, minimum=0, maximum=MAX_JITTER_SECONDS)
