"""Say how a handler failed, and why a job ended as a dead letter."""

from __future__ import annotations

from datetime import MINYEAR, UTC, datetime, timedelta
from enum import StrEnum

import attrs

from ._identifiers import check_identifier
from ._numbers import MAX_INT32
from ._statuses import FailureKind
from .errors import ValidationError

_RETRYABLE_KINDS = frozenset(
    {FailureKind.RETRYABLE, FailureKind.TIMEOUT, FailureKind.LEASE_EXPIRED}
)

_MILLISECOND = timedelta(milliseconds=1)

MAX_DETAIL_BYTES = 8192
_DETAIL_HEAD_BYTES = 2048


def is_retryable(kind: FailureKind) -> bool:
    """Return whether a failure of this kind is tried again while attempts are left."""
    return kind in _RETRYABLE_KINDS


class JobFailure(Exception):  # noqa: N818 - an outcome that handlers report
    """
    Report that an attempt failed, and how. Handlers raise it or return it.

    Args:
        kind: whether the job is tried again; see `FailureKind`.
        code: an identifier of yours, such as ``mail.mailbox_full``. Retry policies
            can give a code its own delay.
        message: a sentence for operators. It is stored in the attempt and in the
            history, so keep secrets out. Characters that PostgreSQL cannot store
            are replaced.

    Raises:
        ValidationError: ``job.invalid_failure_kind`` or ``identifier.*``.
    """

    kind: FailureKind
    code: str
    message: str
    not_before: timedelta | datetime | None
    """When the failure itself wants to be tried again at the earliest."""
    detail: str | None
    """What to read beside the message: the traceback, kept in the attempt."""

    def __init__(self, kind: FailureKind, code: str, message: str) -> None:
        super().__init__(kind, code, message)
        try:
            self.kind = FailureKind(kind)
        except ValueError:
            raise ValidationError("job.invalid_failure_kind") from None
        self.code = check_identifier(code, "failure code")
        self.message = _storable(message)
        self.not_before = None
        self.detail = None

    @classmethod
    def retryable(cls, code: str, message: str) -> JobFailure:
        """Fail in a way that another attempt may mend."""
        return cls(FailureKind.RETRYABLE, code, message)

    @classmethod
    def terminal(cls, code: str, message: str) -> JobFailure:
        """Fail for good: the job becomes a dead letter at once."""
        return cls(FailureKind.TERMINAL, code, message)

    @classmethod
    def timeout(cls, code: str, message: str) -> JobFailure:
        """Fail because time was up; tried again like a retryable failure."""
        return cls(FailureKind.TIMEOUT, code, message)

    @classmethod
    def panicked(cls, code: str, message: str) -> JobFailure:
        """Fail without knowing what was left behind; never tried again."""
        return cls(FailureKind.PANICKED, code, message)

    @classmethod
    def lease_expired(cls, code: str, message: str) -> JobFailure:
        """Fail because the lease was lost; tried again like a retryable failure."""
        return cls(FailureKind.LEASE_EXPIRED, code, message)

    def retry_not_before(self, when: timedelta | datetime) -> JobFailure:
        """
        Ask not to be tried again before *when*, and return this failure.

        Of this and the retry policy's own time the later one counts. Failures that
        are not tried again ignore it, as does a time that has passed.

        Args:
            when: a delay, rounded up to whole milliseconds and at most 24 days, or a
                point in time with a time zone.

        Raises:
            ValidationError: ``job.invalid_retry_timing``.
        """
        self.not_before = _not_before(when)
        return self

    def with_detail(self, detail: str) -> JobFailure:
        """
        Keep a text of many lines in the attempt, and return this failure.

        A worker does this with the traceback of an exception. Of more than 8 KiB the
        first and the last lines are kept. Like the message it is stored, so keep
        secrets out.
        """
        self.detail = _shortened(_storable(detail))
        return self

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __repr__(self) -> str:
        return f"<JobFailure {self.kind} {self.code}>"


def _storable(message: str) -> str:
    """Return the text with what PostgreSQL's text cannot hold replaced."""
    text = str(message).replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode(errors="replace").decode()


def _shortened(text: str) -> str:
    """Return at most 8 KiB: the beginning, a note of what is left out, and the end."""
    whole = text.encode()
    if len(whole) <= MAX_DETAIL_BYTES:
        return text
    note = f"\n... {len(whole)} bytes, the middle is left out ...\n"
    tail_bytes = MAX_DETAIL_BYTES - _DETAIL_HEAD_BYTES - len(note)
    head = whole[:_DETAIL_HEAD_BYTES].decode(errors="ignore")
    return head + note + whole[-tail_bytes:].decode(errors="ignore")


def _not_before(when: timedelta | datetime) -> timedelta | datetime | None:
    if isinstance(when, timedelta):
        delay = -(-when // _MILLISECOND) * _MILLISECOND
        if delay > MAX_INT32 * _MILLISECOND:
            raise ValidationError("job.invalid_retry_timing", "it is too far ahead")
        return delay if delay > timedelta() else None
    if not isinstance(when, datetime):
        raise ValidationError(
            "job.invalid_retry_timing", f"it is of type {type(when).__name__}"
        )
    if when.utcoffset() is None:
        raise ValidationError("job.invalid_retry_timing", "it has no time zone")
    try:
        return when.astimezone(UTC)
    except OverflowError:
        if when.year == MINYEAR:
            return None  # before all that can be told, so it has passed
        raise ValidationError(
            "job.invalid_retry_timing", "it is too far ahead"
        ) from None


class DeadLetterReason(StrEnum):
    """Say why a job was dead-lettered."""

    FAILURE_KIND_NON_RETRYABLE = "FAILURE_KIND_NON_RETRYABLE"
    """The failure was terminal or a panic."""
    ATTEMPTS_EXHAUSTED = "ATTEMPTS_EXHAUSTED"
    """The failure could be retried, but it was the last attempt of the run."""
    LEASE_EXPIRED = "LEASE_EXPIRED"
    """The reaper found the lease of the last attempt expired."""


@attrs.frozen
class JobDeadLetterInfo:
    """Tell a dead-letter hook what ended its job."""

    failure: JobFailure
    reason: DeadLetterReason
    max_attempts: int | None = attrs.field(default=None, kw_only=True)
