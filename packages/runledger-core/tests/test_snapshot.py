"""Canonical snapshots: exactly what was requested, in one form only."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runledger_core import JobEnqueue, job_snapshot

KEYS = [
    "payload",
    "priority",
    "max_attempts",
    "timeout_seconds",
    "next_run_at",
    "stage",
]
positive = st.none() | st.integers(1, 2**31 - 1)
# A day inside the range, so that every offset keeps the instant within it.
instants = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def test_a_bare_request_stores_nulls_and_the_effective_stage():
    assert job_snapshot(JobEnqueue("mail.send")) == {
        "payload": {},
        "priority": None,
        "max_attempts": None,
        "timeout_seconds": None,
        "next_run_at": None,
        "stage": "queued",
    }


def test_a_full_request_stores_what_it_asked_for():
    request = JobEnqueue(
        "mail.send",
        {"to": "ada"},
        priority=-5,
        max_attempts=3,
        timeout_seconds=60,
        next_run_at=datetime(2026, 5, 26, 12, 0, 0, 500, tzinfo=UTC),
        idempotency_key="welcome:ada",
        stage="scheduled",
    )

    assert job_snapshot(request) == {
        "payload": {"to": "ada"},
        "priority": -5,
        "max_attempts": 3,
        "timeout_seconds": 60,
        "next_run_at": "2026-05-26T12:00:00.000500Z",
        "stage": "scheduled",
    }


def test_leaving_the_stage_out_is_the_same_request_as_naming_queued():
    implicit = job_snapshot(JobEnqueue("mail.send"))

    assert implicit == job_snapshot(JobEnqueue("mail.send", stage="queued"))


def test_spelling_a_default_out_is_another_request():
    implicit = job_snapshot(JobEnqueue("mail.send"))

    assert implicit != job_snapshot(JobEnqueue("mail.send", priority=100))


@given(instants, st.integers(-23 * 60, 23 * 60))
def test_an_instant_has_one_spelling_in_every_time_zone(instant, offset_minutes):
    elsewhere = instant.astimezone(timezone(timedelta(minutes=offset_minutes)))

    spelling = job_snapshot(JobEnqueue("a", next_run_at=instant))["next_run_at"]

    other = job_snapshot(JobEnqueue("a", next_run_at=elsewhere))["next_run_at"]
    assert spelling == other
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", spelling)
    assert instant == datetime.fromisoformat(spelling)


@given(
    priority=st.none() | st.integers(-(2**31), 2**31 - 1),
    max_attempts=positive,
    timeout_seconds=positive,
    next_run_at=st.none() | instants,
    stage=st.sampled_from([None, "queued", "scheduled", "warming up"]),
)
def test_a_snapshot_has_its_keys_and_is_json_for_every_request(**settings):
    snapshot = job_snapshot(JobEnqueue("a", {"n": 1}, **settings))

    assert list(snapshot) == KEYS
    assert snapshot == json.loads(json.dumps(snapshot))


@pytest.mark.parametrize("field", ["job_type", "organization_id", "idempotency_key"])
def test_what_the_row_is_found_by_is_not_in_the_snapshot(field):
    assert field not in job_snapshot(JobEnqueue("a", idempotency_key="k"))
