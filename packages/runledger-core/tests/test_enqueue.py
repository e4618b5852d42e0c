"""Enqueue requests: checked when they are made, and unchangeable from then on."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runledger_core import JobEnqueue, JobStage, ValidationError, job_snapshot


class FinerDatetime(datetime):
    """A datetime of another class, as data frame libraries have them."""


def test_what_is_left_out_is_left_to_the_definition():
    request = JobEnqueue("mail.send")

    assert request.payload == {}
    assert request.priority is None
    assert request.max_attempts is None
    assert request.timeout_seconds is None
    assert request.next_run_at is None
    assert request.organization_id is None
    assert request.idempotency_key is None
    assert request.stage is None


def test_two_requests_do_not_share_their_default_payload():
    assert JobEnqueue("a").payload is not JobEnqueue("a").payload


@pytest.mark.parametrize(
    ("stage", "effective"),
    [(None, "queued"), ("queued", "queued"), (JobStage.SCHEDULED, "scheduled")],
)
def test_the_effective_stage_is_queued_unless_named(stage, effective):
    request = JobEnqueue("mail.send", stage=stage)

    assert effective == request.effective_stage
    assert type(request.effective_stage) is str


def test_changing_the_payload_afterwards_does_not_change_the_request():
    payload = {"to": ["ada"]}

    request = JobEnqueue("mail.send", payload)
    payload["to"].append("eve")

    assert request.payload == {"to": ["ada"]}


@pytest.mark.parametrize("payload", [None, True, 1, 1.5, "text", [1], {"a": 1}])
def test_a_payload_may_be_any_json_value(payload):
    assert payload == JobEnqueue("mail.send", payload).payload


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("job_type", " mail", "identifier.padded"),
        ("payload", {"a": object()}, "job.payload_not_json"),
        ("organization_id", "not a uuid", "identifier.invalid_uuid"),
        ("priority", 2**31, "job.invalid_priority"),
        ("priority", "high", "job.invalid_priority"),
        ("max_attempts", 0, "job.invalid_max_attempts"),
        ("max_attempts", 2**31, "job.invalid_max_attempts"),
        ("timeout_seconds", 0, "job.invalid_timeout"),
        ("timeout_seconds", True, "job.invalid_timeout"),
        ("timeout_seconds", 0.5, "job.invalid_timeout"),
        ("idempotency_key", "", "identifier.blank"),
        ("idempotency_key", "k" * 513, "identifier.too_long"),
        ("stage", "\t", "identifier.blank"),
        ("next_run_at", "2026-11-24T00:00:00Z", "job.invalid_next_run_at"),
        ("next_run_at", 0, "job.invalid_next_run_at"),
    ],
)
def test_a_bad_value_is_refused_with_the_code_of_its_field(field, value, code):
    values = {"job_type": "mail.send"} | {field: value}

    with pytest.raises(ValidationError) as caught:
        JobEnqueue(**values)

    assert code == caught.value.code


@pytest.mark.parametrize(
    "instant",
    [
        pytest.param(datetime(2026, 11, 24), id="naive"),  # noqa: DTZ001
        pytest.param(
            datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))), id="too late"
        ),
        pytest.param(
            datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), id="too early"
        ),
    ],
)
def test_an_instant_that_is_none_in_utc_is_refused(instant):
    with pytest.raises(ValidationError) as caught:
        JobEnqueue("mail.send", next_run_at=instant)

    assert caught.value.code == "job.invalid_next_run_at"


def test_an_instant_is_kept_in_utc_as_a_plain_datetime():
    berlin = ZoneInfo("Europe/Berlin")
    instant = FinerDatetime(2026, 11, 24, 10, 30, 0, 123456, tzinfo=berlin)

    kept = JobEnqueue("mail.send", next_run_at=instant).next_run_at

    assert datetime(2026, 11, 24, 9, 30, 0, 123456, tzinfo=UTC) == kept
    assert type(kept) is datetime
    assert kept.tzinfo is UTC


def test_the_second_pass_of_a_repeated_hour_is_another_instant():
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=0)

    earlier = JobEnqueue("a", next_run_at=first).next_run_at
    later = JobEnqueue("a", next_run_at=first.replace(fold=1)).next_run_at

    assert timedelta(hours=1) == later - earlier


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_any_instant_within_range_keeps_its_place_in_time(instant):
    try:
        expected = instant.astimezone(UTC)
    except OverflowError:
        with pytest.raises(ValidationError):
            JobEnqueue("a", next_run_at=instant)
    else:
        assert expected == JobEnqueue("a", next_run_at=instant).next_run_at


def test_a_request_shows_neither_its_payload_nor_its_key():
    request = JobEnqueue("mail.send", {"k": "secret"}, idempotency_key="secret")

    assert "secret" not in repr(request)
    assert "mail.send" in repr(request)


def test_requests_cannot_be_changed_but_varied():
    request = JobEnqueue("mail.send", {"n": 1}, organization_id=UUID(int=1))

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        request.job_type = "other"
    varied = attrs.evolve(request, priority=5)

    assert varied.priority == 5
    assert varied.payload == {"n": 1}


def test_equal_requests_have_equal_hashes():
    first = JobEnqueue("mail.send", {"n": [1]}, priority=1)
    second = JobEnqueue("mail.send", {"n": (1,)}, priority=1)

    assert first == second
    assert hash(first) == hash(second)
    assert first != JobEnqueue("mail.send", {"n": [2]}, priority=1)


def test_a_trace_context_is_copied_and_not_shown():
    context = {"traceparent": "00-0af7-b7ad-01"}
    request = JobEnqueue("mail.send", trace_context=context)
    context["traceparent"] = "changed"

    assert request.trace_context == {"traceparent": "00-0af7-b7ad-01"}
    assert "0af7" not in repr(request)
    assert job_snapshot(request) == job_snapshot(JobEnqueue("mail.send"))


@pytest.mark.parametrize(
    "context",
    ["00-0af7", {"a": 1}, {1: "a"}, {"a": "x" * 3000}, {"a": "b\n"}],
    ids=["text", "number", "key", "long", "line"],
)
def test_a_trace_context_that_cannot_be_stored_is_refused(context):
    with pytest.raises(ValidationError) as caught:
        JobEnqueue("mail.send", trace_context=context)

    assert caught.value.code == "job.invalid_trace_context"
