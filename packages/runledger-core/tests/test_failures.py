"""Failures: how handlers report them and which are tried again."""

import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest

from runledger_core import (
    MAX_DETAIL_BYTES,
    AttemptOutcome,
    DeadLetterReason,
    FailureKind,
    JobDeadLetterInfo,
    JobFailure,
    ValidationError,
    is_retryable,
)

CONSTRUCTORS = {
    FailureKind.RETRYABLE: JobFailure.retryable,
    FailureKind.TERMINAL: JobFailure.terminal,
    FailureKind.PANICKED: JobFailure.panicked,
    FailureKind.TIMEOUT: JobFailure.timeout,
    FailureKind.LEASE_EXPIRED: JobFailure.lease_expired,
}


@pytest.mark.parametrize("kind", FailureKind, ids=str)
def test_there_is_a_constructor_for_each_kind(kind):
    failure = CONSTRUCTORS[kind]("mail.refused", "the server said no")

    assert kind is failure.kind
    assert failure.code == "mail.refused"
    assert failure.message == "the server said no"


@pytest.mark.parametrize("kind", FailureKind, ids=str)
def test_terminal_failures_and_panics_are_never_tried_again(kind):
    never = {FailureKind.TERMINAL, FailureKind.PANICKED}

    assert (kind not in never) is is_retryable(kind)


def test_a_failure_can_be_raised_and_says_what_happened():
    with pytest.raises(JobFailure, match=r"^mail\.refused: no$"):
        raise JobFailure.retryable("mail.refused", "no")


def test_the_kind_may_be_given_by_its_label_or_as_an_outcome():
    assert JobFailure("TIMEOUT", "a", "b").kind is FailureKind.TIMEOUT
    assert JobFailure(AttemptOutcome.TIMEOUT, "a", "b").kind is FailureKind.TIMEOUT


@pytest.mark.parametrize("kind", ["BROKEN", None, AttemptOutcome.SUCCEEDED])
def test_what_is_no_failure_kind_is_refused(kind):
    with pytest.raises(ValidationError) as caught:
        JobFailure(kind, "mail.refused", "no")

    assert caught.value.code == "job.invalid_failure_kind"


@pytest.mark.parametrize("code", ["", " padded", "x" * 513, None])
def test_the_code_must_be_an_identifier(code):
    with pytest.raises(ValidationError, match="failure code"):
        JobFailure.terminal(code, "no")


def test_a_message_that_cannot_be_stored_is_mended_instead_of_lost():
    failure = JobFailure.retryable("a", "half\0way \ud800 there")

    assert failure.message == "half\N{REPLACEMENT CHARACTER}way ? there"


def test_an_exception_can_stand_for_its_message():
    assert JobFailure.retryable("a", OSError("disk full")).message == "disk full"


def test_a_failure_does_not_show_its_message_in_its_repr():
    assert repr(JobFailure.timeout("a.b", "secret")) == "<JobFailure TIMEOUT a.b>"


def test_a_failure_survives_pickling():
    failure = JobFailure.terminal("mail.refused", "no")

    twin = pickle.loads(pickle.dumps(failure))  # noqa: S301

    assert (twin.kind, twin.code, twin.message) == (
        FailureKind.TERMINAL,
        "mail.refused",
        "no",
    )


def test_dead_letter_info_names_what_ended_the_job():
    failure = JobFailure.terminal("mail.refused", "no")

    info = JobDeadLetterInfo(failure, DeadLetterReason.FAILURE_KIND_NON_RETRYABLE)

    assert failure is info.failure
    assert info.reason is DeadLetterReason.FAILURE_KIND_NON_RETRYABLE
    assert info.max_attempts is None


@pytest.mark.parametrize(
    ("when", "stored"),
    [
        (timedelta(seconds=30), timedelta(seconds=30)),
        (timedelta(microseconds=1), timedelta(milliseconds=1)),
        (timedelta(0), None),
        (timedelta(days=-1), None),
        (datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=2))), None),
    ],
    ids=str,
)
def test_a_failure_can_ask_for_time(when, stored):
    failure = JobFailure.retryable("mail.refused", "no")

    assert failure.retry_not_before(when) is failure
    assert failure.not_before == stored


def test_a_failure_asks_for_no_time_by_itself():
    assert JobFailure.retryable("mail.refused", "no").not_before is None


@pytest.mark.parametrize(
    "when",
    [
        timedelta(days=25),
        datetime(2030, 1, 1),  # noqa: DTZ001 - what is refused
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-2))),
        30,
        None,
    ],
    ids=str,
)
def test_what_is_no_time_to_try_again_at_is_refused(when):
    failure = JobFailure.retryable("mail.refused", "no")

    with pytest.raises(ValidationError) as caught:
        failure.retry_not_before(when)

    assert caught.value.code == "job.invalid_retry_timing"


def test_the_time_that_a_failure_asks_for_survives_pickling():
    failure = JobFailure.retryable("a", "b").retry_not_before(timedelta(hours=1))

    assert pickle.loads(pickle.dumps(failure)).not_before == timedelta(hours=1)  # noqa: S301


def test_a_detail_is_kept_whole_up_to_a_limit():
    failure = JobFailure.retryable("mail.down", "no")

    assert failure.detail is None
    assert failure.with_detail("one\ntwo") is failure
    assert failure.detail == "one\ntwo"
    assert failure.with_detail("x" * MAX_DETAIL_BYTES).detail == "x" * MAX_DETAIL_BYTES


def test_a_long_detail_keeps_its_first_and_its_last_lines():
    detail = "first line\n" + "é" * 100_000 + "\nlast line"

    kept = JobFailure.retryable("mail.down", "no").with_detail(detail).detail

    assert len(kept.encode()) <= MAX_DETAIL_BYTES
    assert kept.startswith("first line\n")
    assert kept.endswith("\nlast line")
    assert "200021 bytes, the middle is left out" in kept


def test_a_detail_holds_nothing_that_cannot_be_stored():
    failure = JobFailure.retryable("mail.down", "no").with_detail("a\0b\ud800c")

    assert failure.detail == "a\N{REPLACEMENT CHARACTER}b?c"
