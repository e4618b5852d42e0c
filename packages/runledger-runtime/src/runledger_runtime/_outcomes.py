"""Turn what a handler did into the outcome of its attempt."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Final

import trio

from runledger_core import (
    FailureKind,
    JobCompletion,
    JobFailure,
    RunledgerError,
    ValidationError,
    is_retryable,
)

from ._tracebacks import traceback_text
from .errors import JobCancelledError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUCCESS: Final = JobCompletion()
_MAX_MESSAGE_CHARACTERS: Final = 2000

# The handler's result itself is at fault, and would be again.
_RESULT_CODES: Final = frozenset(
    {
        "job.checkpoint_not_json",
        "job.invalid_completion_progress",
        "job.invalid_progress",
        "job.output_not_json",
    }
)


def completion_of(result: object) -> JobCompletion | JobFailure:
    """
    Return what a handler's return value means.

    A completion or a failure is itself, None is success without output, and anything
    else is the output, which has to be JSON.
    """
    if result is None:
        return _SUCCESS
    if isinstance(result, (JobCompletion, JobFailure)):
        return result
    try:
        return JobCompletion(output=result)  # type: ignore[arg-type]  # that checks it
    except ValidationError as error:
        return failure_of_result(error)


def failure_of_result(error: RunledgerError) -> JobFailure:
    """Return the failure of a handler whose result cannot be stored."""
    return JobFailure.terminal(error.code, error.client_message)


def failure_of_exception(
    error: BaseException, panic_on: tuple[type[BaseException], ...]
) -> JobFailure:
    """
    Return the failure that an exception from a handler means.

    An ordinary exception is retried. What is none, exhausted memory or recursion, and
    the classes in *panic_on* are panics. Of an exception group the gravest member
    counts, and among equals what the handler said itself, so it may raise `JobFailure`
    inside a nursery of its own. The traceback goes along, that of a group whole.
    """
    leaves = list(_leaves(error))
    failures = [_failure_of_leaf(leaf, panic_on) for leaf in leaves]
    gravest = max(zip(failures, leaves, strict=True), key=_gravity)[0]
    detail = traceback_text(error)
    if detail is None or gravest.detail is not None:
        return gravest
    # A copy: a handler may raise one failure of its own again and again.
    return copy(gravest).with_detail(detail)


def timeout_failure(timeout_seconds: int) -> JobFailure:
    """Return the failure of a handler whose time was up."""
    return JobFailure.timeout(
        "job.timeout_exceeded", f"the handler ran longer than {timeout_seconds} seconds"
    )


def not_registered_failure(job_type: str) -> JobFailure:
    """Return the failure of a job that has no handler here."""
    return JobFailure.terminal(
        "job.handler_not_registered", f"no handler is registered for {job_type}"
    )


def only_cancellation(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """
    Return the worker's own cancellation out of a group that a handler raised.

    Whatever came with it happened because of it, or does not matter any more.
    """
    return group.split(trio.Cancelled)[0]


def _failure_of_leaf(
    error: BaseException, panic_on: tuple[type[BaseException], ...]
) -> JobFailure:
    if isinstance(error, panic_on):
        return JobFailure.panicked("job.handler_panic", _described(error))
    match error:
        case JobFailure():
            return error
        case MemoryError() | RecursionError():
            return JobFailure.panicked("job.handler_panic", _described(error))
        case ValidationError(code=code) if code in _RESULT_CODES:
            return failure_of_result(error)
        case Exception() | JobCancelledError():
            return JobFailure.retryable("job.handler_exception", _described(error))
        case _:
            return JobFailure.panicked("job.handler_panic", _described(error))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _leaves(member)
    else:
        yield error


def _gravity(known: tuple[JobFailure, BaseException]) -> tuple[bool, bool, bool]:
    """Order failures: panics, terminal ones, those that are retried, said or not."""
    failure, leaf = known
    is_panic = failure.kind is FailureKind.PANICKED
    return is_panic, not is_retryable(failure.kind), failure is leaf


def _described(error: BaseException) -> str:
    """Return class and text of an exception, even one that cannot be shown."""
    name = type(error).__qualname__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a handler's exception class may do anything
        text = "its text cannot be shown"
    described = f"{name}: {text}" if text else name
    return described[:_MAX_MESSAGE_CHARACTERS]
