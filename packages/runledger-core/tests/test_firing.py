"""What a due schedule does: missed slots, limits of effort, and previews."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from runledger_core import (
    MAX_JITTER_SECONDS,
    MISFIRE_GRACE_SECONDS,
    CronExpression,
    Firing,
    MisfirePolicy,
    ValidationError,
    jittered_fire_at,
    next_fire_at_after_firing,
    plan_firing,
    preview_schedule,
)

NOON = datetime(2026, 5, 26, 12, tzinfo=UTC)  # a Tuesday
SCHEDULE_ID = UUID("018fa1f8-0000-7000-8000-000000000123")
MINUTELY = CronExpression("* * * * *")
SECONDLY = CronExpression("* * * * * *")


def minutes(*numbers):
    return tuple(NOON + timedelta(minutes=number) for number in numbers)


def plan(policy, *, now, cron=MINUTELY, **values):
    return plan_firing(
        cron,
        scheduled_for=NOON,
        now=now,
        schedule_id=SCHEDULE_ID,
        misfire_policy=policy,
        **values,
    )


def field(low, high):
    """Make a field: a star, numbers, a range, or steps."""
    number = st.integers(low, high)
    pair = st.tuples(number, number).map(sorted)
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.lists(number, min_size=1, max_size=4).map(lambda ns: ",".join(map(str, ns))),
        pair.map(lambda p: f"{p[0]}-{p[1]}"),
        st.integers(1, high).map(lambda n: f"*/{n}"),
        st.tuples(pair, st.integers(1, 9)).map(lambda t: f"{t[0][0]}-{t[0][1]}/{t[1]}"),
    )


@settings(max_examples=150, deadline=None)
@given(
    text=st.tuples(
        field(0, 59),
        field(0, 59),
        field(0, 23),
        field(1, 28),
        field(1, 12),
        field(0, 7),
    ).map(" ".join),
    start=st.datetimes(
        min_value=datetime(1999, 1, 1),  # noqa: DTZ001
        max_value=datetime(2090, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
)
def test_occurrences_are_those_that_croniter_finds(text, start):
    found = croniter(text, start.replace(microsecond=0), second_at_beginning=True)
    expected = [found.get_next(datetime) for _ in range(5)]

    assert expected == list(islice(CronExpression(text).occurrences_after(start), 5))


def test_nothing_is_expected_after_the_last_year():
    with pytest.raises(ValidationError, match="before the year 10000"):
        CronExpression("0 0 1 1 *").next_after(datetime(9999, 6, 1, tzinfo=UTC))


def test_a_slot_that_is_due_is_fired_and_the_next_lies_ahead():
    for policy in MisfirePolicy:
        found = plan(policy, now=NOON + timedelta(seconds=1))

        assert Firing(minutes(0), *minutes(1)) == found


@pytest.mark.parametrize(
    ("policy", "limit", "expected"),
    [
        (MisfirePolicy.ONCE, 100, Firing(minutes(0), *minutes(6))),
        (MisfirePolicy.ALL, 100, Firing(minutes(0, 1, 2, 3, 4, 5), *minutes(6))),
        (MisfirePolicy.ALL, 2, Firing(minutes(0, 1), *minutes(6))),
        (MisfirePolicy.ALL, 1, Firing(minutes(0), *minutes(6))),
        (MisfirePolicy.SKIP, 100, Firing(minutes(5), *minutes(6))),
    ],
    ids=["once", "all", "all up to 2", "all up to 1", "skip"],
)
def test_after_an_outage_the_policy_decides(policy, limit, expected):
    now = NOON + timedelta(minutes=5)

    assert expected == plan(policy, now=now, misfire_limit=limit)


def test_a_slot_that_was_missed_is_skipped_when_none_is_due_now():
    now = NOON + timedelta(hours=5)
    expected = Firing((), datetime(2026, 5, 27, tzinfo=UTC))

    assert expected == plan(
        MisfirePolicy.SKIP, now=now, cron=CronExpression("0 0 * * *")
    )


@pytest.mark.parametrize(("late_seconds", "count"), [(0, 1), (1, 0)])
def test_a_minute_late_is_not_missed(late_seconds, count):
    late = timedelta(seconds=MISFIRE_GRACE_SECONDS + late_seconds)
    hourly = CronExpression("0 * * * *")

    assert count == len(plan(MisfirePolicy.SKIP, now=NOON + late, cron=hourly).slots)


@settings(max_examples=25, deadline=None)
@given(limit=st.integers(0, 300), schedule_id=st.uuids(), late=st.integers(0, 1200))
def test_all_makes_up_for_what_a_scheduler_would_have_fired(limit, schedule_id, late):
    now = NOON + timedelta(seconds=late)
    jitter = {"schedule_id": schedule_id, "max_jitter_seconds": limit}
    expected = [NOON]
    while expected[-1] <= now:
        slot = expected[-1]
        expected.append(
            next_fire_at_after_firing(MINUTELY, scheduled_for=slot, now=slot, **jitter)
        )

    found = plan_firing(
        MINUTELY,
        scheduled_for=NOON,
        now=now,
        misfire_policy=MisfirePolicy.ALL,
        misfire_limit=1000,
        **jitter,
    )

    assert tuple(expected[:-1]) == found.slots
    assert now < found.next_fire_at <= expected[-1]


def test_a_day_of_jitter_on_every_second_is_worked_out_in_little_time():
    now = NOON + timedelta(days=30)
    started_at = time.perf_counter()

    fires = next_fire_at_after_firing(
        SECONDLY,
        scheduled_for=NOON,
        now=now,
        schedule_id=SCHEDULE_ID,
        max_jitter_seconds=MAX_JITTER_SECONDS,
    )

    # It took ten seconds once; a machine that is busy gets a wide margin.
    assert time.perf_counter() - started_at < 2.5
    assert now < fires <= now + timedelta(seconds=30)


def test_a_preview_shows_the_next_occurrences():
    expected = [datetime(2026, 5, day, 4, tzinfo=UTC) for day in (27, 28, 29)]

    assert expected == preview_schedule("0 4 * * *", 3, start=NOON)
    assert expected == preview_schedule(CronExpression("0 4 * * *"), 3, start=NOON)


def test_a_preview_shows_the_jitter_of_a_schedule():
    found = preview_schedule(
        MINUTELY, 2, start=NOON, schedule_id=SCHEDULE_ID, max_jitter_seconds=30
    )

    assert datetime(2026, 5, 26, 12, 1, 3, tzinfo=UTC) == found[0]
    assert (
        jittered_fire_at(
            NOON + timedelta(minutes=2), schedule_id=SCHEDULE_ID, max_jitter_seconds=30
        )
        == found[1]
    )


def test_a_preview_begins_now_unless_it_is_told_otherwise():
    before = datetime.now(UTC)

    [first] = preview_schedule(SECONDLY, 1)

    assert before < first <= datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.parametrize("count", [0, 1001, 1.0, True])
def test_a_preview_is_bounded(count):
    with pytest.raises(ValidationError, match=r"job_schedule\.invalid_preview_count"):
        preview_schedule(MINUTELY, count, start=NOON)
