"""When schedules fire: occurrences, jitter, and what an outage leaves out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runledger_core import (
    MAX_JITTER_SECONDS,
    CronExpression,
    ValidationError,
    jittered_fire_at,
    next_fire_at,
    next_fire_at_after_firing,
)

NOON = datetime(2026, 5, 26, 12, tzinfo=UTC)  # a Tuesday
SCHEDULE_ID = UUID("018fa1f8-0000-7000-8000-000000000123")
MINUTELY = CronExpression("* * * * *")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * *", NOON + timedelta(minutes=1)),
        ("0 * * * * *", NOON + timedelta(minutes=1)),
        ("* * * * * *", NOON + timedelta(seconds=1)),
        ("*/20 30 12 * * *", NOON + timedelta(minutes=30)),
        ("0 4 * * *", NOON + timedelta(hours=16)),
        ("5/15 * * * *", NOON + timedelta(minutes=5)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("0 0 1 jan-MAR *", datetime(2027, 1, 1, tzinfo=UTC)),
        ("0 0 ? * MON", datetime(2026, 6, 1, tzinfo=UTC)),
    ],
)
def test_the_next_occurrence_is_the_first_after_the_reference(text, expected):
    assert expected == CronExpression(text).next_after(NOON)


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "SUN"])
def test_sunday_has_two_numbers_and_a_name(sunday):
    found = CronExpression(f"0 0 * * {sunday}").next_after(NOON)

    assert datetime(2026, 5, 31, tzinfo=UTC) == found


def test_of_two_day_fields_either_will_do():
    cron = CronExpression("0 0 13 * FRI")

    assert datetime(2026, 5, 29, tzinfo=UTC) == cron.next_after(NOON)
    assert datetime(2026, 6, 13, tzinfo=UTC) == cron.next_after(
        datetime(2026, 6, 12, tzinfo=UTC)
    )


def test_a_reference_within_an_occurrences_second_lies_after_it():
    assert NOON + timedelta(minutes=1) == MINUTELY.next_after(
        NOON + timedelta(microseconds=1)
    )
    assert NOON == MINUTELY.next_after(NOON - timedelta(microseconds=1))


def test_occurrences_are_meant_in_utc_whatever_zone_the_reference_is_in():
    tokyo = timezone(timedelta(hours=9))

    found = CronExpression("0 13 * * *").next_after(NOON.astimezone(tokyo))

    assert (NOON + timedelta(hours=1), UTC) == (found, found.tzinfo)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " * * * * *",
        "* * * * *\n",
        "* * * *",
        "* * * * * * *",
        "@daily",
        "60 * * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "*/0 * * * *",
        "-1 * * * *",
        "1,,2 * * * *",
        "0 0 30 2 *",
        "0 0 L * *",
        "0 0 * * 5#2",
        "H * * * *",
        "R * * * *",
        "mon * * * *",
        "* * * * * \u0661",
        "0" * 600 + " * * * *",
        None,
        5,
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_what_is_no_cron_expression_is_refused(text):
    with pytest.raises(ValidationError) as caught:
        CronExpression(text)

    assert "job_schedule.invalid_cron" == caught.value.code


def test_a_reference_without_a_time_zone_is_refused():
    with pytest.raises(ValidationError, match=r"job_schedule\.invalid_fire_time"):
        MINUTELY.next_after(NOON.replace(tzinfo=None))


def test_jitter_is_what_it_has_always_been():
    cron = CronExpression("0 * * * * *")

    fires = next_fire_at(
        cron, after=NOON, schedule_id=SCHEDULE_ID, max_jitter_seconds=30
    )

    assert datetime(2026, 5, 26, 12, 1, 3, tzinfo=UTC) == fires


@pytest.mark.parametrize("limit", [-1, MAX_JITTER_SECONDS + 1, 1.5, True])
def test_jitter_out_of_range_is_refused(limit):
    with pytest.raises(ValidationError, match=r"job_schedule\.invalid_jitter"):
        jittered_fire_at(NOON, schedule_id=SCHEDULE_ID, max_jitter_seconds=limit)


@given(
    schedule_id=st.uuids(),
    occurrence=st.datetimes(
        min_value=NOON.replace(year=1900, tzinfo=None),
        max_value=NOON.replace(year=2200, tzinfo=None),
        timezones=st.just(UTC),
    ),
    limit=st.integers(0, MAX_JITTER_SECONDS),
)
def test_jitter_only_delays_and_never_by_more_than_its_limit(
    schedule_id, occurrence, limit
):
    fires = jittered_fire_at(
        occurrence, schedule_id=schedule_id, max_jitter_seconds=limit
    )

    assert timedelta(0) <= fires - occurrence <= timedelta(seconds=limit)


def test_after_an_outage_the_next_firing_is_the_first_to_come():
    fires = next_fire_at_after_firing(
        MINUTELY,
        scheduled_for=NOON,
        now=NOON + timedelta(minutes=5),
        schedule_id=SCHEDULE_ID,
    )

    assert NOON + timedelta(minutes=6) == fires


def test_an_occurrence_that_was_fired_before_its_time_is_not_fired_again():
    fires = next_fire_at_after_firing(
        MINUTELY,
        scheduled_for=NOON,
        now=NOON - timedelta(hours=1),
        schedule_id=SCHEDULE_ID,
    )

    assert NOON + timedelta(minutes=1) == fires


@settings(max_examples=25, deadline=None)
@given(
    missed_seconds=st.integers(0, 1200),
    limit=st.integers(0, 300),
    schedule_id=st.uuids(),
)
def test_the_next_firing_is_the_earliest_of_all_that_lie_ahead(
    missed_seconds, limit, schedule_id
):
    now = NOON + timedelta(seconds=missed_seconds)
    ahead = [
        jittered_fire_at(
            NOON + timedelta(minutes=minute),
            schedule_id=schedule_id,
            max_jitter_seconds=limit,
        )
        for minute in range(1, 40)
    ]

    fires = next_fire_at_after_firing(
        MINUTELY,
        scheduled_for=NOON,
        now=now,
        schedule_id=schedule_id,
        max_jitter_seconds=limit,
    )

    assert min(fire for fire in ahead if fire > now) == fires
