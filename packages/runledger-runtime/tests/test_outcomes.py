"""What a handler returns or raises, as the outcome of its attempt."""

from datetime import timedelta

import pytest

from runledger_core import (
    MAX_DETAIL_BYTES,
    FailureKind,
    JobCompletion,
    JobEnqueue,
    JobFailure,
)
from runledger_runtime import JobCancelledError
from runledger_runtime._outcomes import (
    completion_of,
    failure_of_exception,
    timeout_failure,
)


@pytest.mark.parametrize(
    ("result", "output"),
    [
        (None, None),
        ({"a": 1}, {"a": 1}),
        ([1], [1]),
        ("x", "x"),
        (0, 0),
        (False, False),
    ],
)
def test_a_json_value_is_the_output(result, output):
    assert JobCompletion(output=output) == completion_of(result)


@pytest.mark.parametrize(
    "result", [JobCompletion().progress(1, 2), JobFailure.terminal("a.b", "no")]
)
def test_a_completion_or_a_failure_is_itself(result):
    assert result is completion_of(result)


@pytest.mark.parametrize("result", [object(), {1: 2}, float("nan"), {"a": {"b"}}])
def test_an_output_that_is_not_json_is_terminal(result):
    failure = completion_of(result)

    assert FailureKind.TERMINAL is failure.kind
    assert "job.output_not_json" == failure.code


def raised(make):
    try:
        make()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (ValueError("v"), FailureKind.RETRYABLE, "job.handler_exception"),
        (OSError(2, "gone"), FailureKind.RETRYABLE, "job.handler_exception"),
        (JobFailure.terminal("a.b", "m"), FailureKind.TERMINAL, "a.b"),
        (JobFailure.timeout("a.b", "m"), FailureKind.TIMEOUT, "a.b"),
        (MemoryError(), FailureKind.PANICKED, "job.handler_panic"),
        (RecursionError("deep"), FailureKind.PANICKED, "job.handler_panic"),
        (SystemExit(3), FailureKind.PANICKED, "job.handler_panic"),
        (KeyboardInterrupt(), FailureKind.PANICKED, "job.handler_panic"),
        (GeneratorExit(), FailureKind.PANICKED, "job.handler_panic"),
        (ZeroDivisionError("z"), FailureKind.PANICKED, "job.handler_panic"),
        (JobCancelledError(), FailureKind.RETRYABLE, "job.handler_exception"),
        (
            raised(lambda: JobCompletion(output=object())),
            FailureKind.TERMINAL,
            "job.output_not_json",
        ),
        (
            raised(lambda: JobCompletion().progress(3, 2)),
            FailureKind.TERMINAL,
            "job.invalid_completion_progress",
        ),
        (
            raised(lambda: JobEnqueue("a", object())),
            FailureKind.RETRYABLE,
            "job.handler_exception",
        ),
        (
            ExceptionGroup("g", [JobFailure.terminal("a.b", "m")]),
            FailureKind.TERMINAL,
            "a.b",
        ),
        (
            ExceptionGroup(
                "g", [ValueError(), ExceptionGroup("h", [JobFailure.terminal("a", "")])]
            ),
            FailureKind.TERMINAL,
            "a",
        ),
        (
            ExceptionGroup("g", [JobFailure.terminal("a", ""), MemoryError()]),
            FailureKind.PANICKED,
            "job.handler_panic",
        ),
        (
            ExceptionGroup("g", [OSError(), JobFailure.retryable("a.b", "busy")]),
            FailureKind.RETRYABLE,
            "a.b",
        ),
    ],
    ids=str,
)
def test_an_exception_is_a_failure_of_its_kind(error, kind, code):
    failure = failure_of_exception(error, (ZeroDivisionError,))

    assert (kind, code) == (failure.kind, failure.code)


def test_the_message_holds_class_and_text():
    failure = failure_of_exception(ValueError("no such order"), ())

    assert "ValueError: no such order" == failure.message


def test_an_endless_message_is_cut():
    failure = failure_of_exception(ValueError("x" * 10**6), ())

    assert 2000 == len(failure.message)


def test_an_exception_that_cannot_be_shown_is_still_named():
    class Nasty(Exception):  # noqa: N818
        def __str__(self):
            raise RuntimeError

    failure = failure_of_exception(Nasty(), ())

    assert "Nasty: its text cannot be shown" in failure.message


def failure_of(handler, *arguments):
    """Return the failure of a handler that raises, as the worker makes it."""
    try:
        handler(*arguments)
    except BaseException as error:  # noqa: BLE001
        return failure_of_exception(error, ())
    raise AssertionError


def test_the_traceback_goes_along_without_values():
    def send(secret):
        try:
            return {}["key"]
        except KeyError as error:
            raise ValueError("no such order") from error

    detail = failure_of(send, "s3cr3t").detail

    assert detail.startswith("Traceback (most recent call last):")
    assert "KeyError: 'key'" in detail
    assert "direct cause" in detail
    assert detail.endswith("ValueError: no such order")
    assert "s3cr3t" not in detail


def test_a_group_keeps_the_tracebacks_of_all_its_members():
    def send():
        raise ExceptionGroup(
            "several", [ValueError("one"), JobFailure.terminal("a", "b")]
        )

    failure = failure_of(send)

    assert "a" == failure.code
    assert "ValueError: one" in failure.detail
    assert "JobFailure" in failure.detail


def test_a_failure_that_is_raised_again_and_again_is_not_written_on():
    shared = JobFailure.terminal("mail.bad", "no").retry_not_before(timedelta(hours=1))

    def send():
        raise shared

    failure = failure_of(send)

    assert "raise shared" in failure.detail
    assert (shared.code, shared.message) == (failure.code, failure.message)
    assert shared.not_before == failure.not_before
    assert shared.detail is None


def test_a_detail_of_the_handler_s_own_is_kept():
    def send():
        raise JobFailure.terminal("mail.bad", "no").with_detail("the answer was 550")

    assert "the answer was 550" == failure_of(send).detail


def test_endless_recursion_has_a_short_traceback():
    def fall():
        fall()

    detail = failure_of(fall).detail

    assert len(detail) <= MAX_DETAIL_BYTES
    assert "RecursionError" in detail.splitlines()[-1]


def test_a_timeout_says_how_long_it_was():
    failure = timeout_failure(30)

    assert (FailureKind.TIMEOUT, "job.timeout_exceeded") == (failure.kind, failure.code)
    assert "30 seconds" in failure.message
