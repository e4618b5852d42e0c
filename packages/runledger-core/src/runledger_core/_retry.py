"""Compute how long a failed job waits before its next attempt."""

from __future__ import annotations

import math
from collections.abc import Mapping  # noqa: TC003 - cattrs resolves the hints
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import attrs

from ._identifiers import check_identifier
from ._numbers import MAX_INT32
from .errors import ValidationError

if TYPE_CHECKING:
    from uuid import UUID


# More than this is a slip: the second attempt would wait as long as the cap allows.
_MAX_FACTOR = 1_000_000


class Jitter(StrEnum):
    """Say how far the delays of jobs that failed together are spread."""

    FULL = "FULL"
    """Anywhere between nothing and the whole delay, so that herds dissolve."""
    NONE = "NONE"
    """Not at all: every delay is exactly what the policy computes."""


class RetryDelay(Protocol):
    """Decide how long to wait. Implementations are pure: no clock, no randomness."""

    def delay_window_ms(
        self, *, job_id: UUID, attempt: int, failure_code: str
    ) -> tuple[int, int]:
        """
        Return the shortest and the longest delay in milliseconds.

        The database draws uniformly between them, both included.

        Args:
            job_id: the job that failed.
            attempt: the attempt of this run that failed, counted from 1.
            failure_code: the code of the failure.
        """
        ...


def _seconds(value: float) -> float:
    """Return a delay, zero included, that the attempt's column can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValidationError(
            "retry.invalid_policy", f"a delay is of type {type(value).__name__}"
        )
    # Written so that NaN fails too.
    if not 0 <= value <= MAX_INT32 / 1000:
        raise ValidationError("retry.invalid_policy", "a delay is out of range")
    return float(value)


def _factor(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValidationError(
            "retry.invalid_policy", f"the factor is of type {type(value).__name__}"
        )
    if not 1 <= value <= _MAX_FACTOR:
        raise ValidationError("retry.invalid_policy", "the factor is out of range")
    return float(value)


def _jitter(value: Jitter) -> Jitter:
    try:
        return Jitter(value)
    except ValueError:
        raise ValidationError("retry.invalid_policy", "the jitter is unknown") from None


def _overrides(value: Mapping[str, float]) -> Mapping[str, float]:
    return {
        check_identifier(code, "failure code of a retry override"): _seconds(seconds)
        for code, seconds in value.items()
    }


def _milliseconds(seconds: float) -> int:
    """Return whole milliseconds, rounded up so that a delay never becomes none."""
    return math.ceil(seconds * 1000)


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """
    Wait exponentially longer after each failed attempt of a run.

    Attempt n waits at most ``min(base_seconds * factor ** (n - 1), cap_seconds)``.
    With full jitter the delay is drawn anew for each attempt between zero and that.

    Args:
        base_seconds: the longest delay after the first attempt.
        factor: by how much each further attempt multiplies it, at least 1.
        cap_seconds: what no delay exceeds.
        jitter: how the delays are spread below that.
        overrides: an exact delay in seconds for a failure code, instead of all that.

    Raises:
        ValidationError: ``retry.invalid_policy`` or, for a code, ``identifier.*``.
    """

    base_seconds: float = attrs.field(default=10.0, converter=_seconds)
    factor: float = attrs.field(default=2.0, converter=_factor)
    cap_seconds: float = attrs.field(default=300.0, converter=_seconds)
    jitter: Jitter = attrs.field(default=Jitter.FULL, converter=_jitter)
    overrides: Mapping[str, float] = attrs.field(
        factory=dict, converter=_overrides, hash=False
    )

    def delay_window_ms(
        self, *, job_id: UUID, attempt: int, failure_code: str
    ) -> tuple[int, int]:
        """Return the shortest and the longest delay in milliseconds."""
        del job_id  # the draw is the database's and needs no seed
        override = self.overrides.get(failure_code)
        if override is not None:
            exact = _milliseconds(override)
            return exact, exact
        ceiling = _milliseconds(self._ceiling_seconds(attempt))
        return (0 if self.jitter is Jitter.FULL else ceiling), ceiling

    def _ceiling_seconds(self, attempt: int) -> float:
        try:
            grown = self.base_seconds * self.factor ** (max(attempt, 1) - 1)
        except OverflowError:
            return self.cap_seconds
        return min(grown, self.cap_seconds)


@attrs.frozen(kw_only=True)
class ReferenceRetryPolicy:
    """
    Wait exactly as the original Runledger does, for ledgers shared with it.

    10, 20, 40, 80, 160 and then 300 seconds, moved by up to half a second by the job's
    id: the same offset on every attempt, and no randomness.

    Args:
        overrides: an exact delay in seconds for a failure code.

    Raises:
        ValidationError: ``retry.invalid_policy`` or, for a code, ``identifier.*``.
    """

    overrides: Mapping[str, float] = attrs.field(
        factory=dict, converter=_overrides, hash=False
    )

    def delay_window_ms(
        self, *, job_id: UUID, attempt: int, failure_code: str
    ) -> tuple[int, int]:
        """Return the one delay in milliseconds as both ends of the window."""
        override = self.overrides.get(failure_code)
        if override is not None:
            exact = _milliseconds(override)
            return exact, exact
        doublings = min(max(attempt, 1), 10)
        offset_ms = job_id.int % 1000 - 500
        delay_ms = max(min(5000 * 2**doublings, 300_000) + offset_ms, 1000)
        return delay_ms, delay_ms
