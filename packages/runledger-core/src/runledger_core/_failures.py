"""Say how a handler failed, and why a job ended as a dead letter."""

from __future__ import annotations

from enum import StrEnum

import attrs

from ._identifiers import check_identifier
from ._statuses import FailureKind
from .errors import ValidationError

_RETRYABLE_KINDS = frozenset(
    {FailureKind.RETRYABLE, FailureKind.TIMEOUT, FailureKind.LEASE_EXPIRED}
)


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

    def __init__(self, kind: FailureKind, code: str, message: str) -> None:
        super().__init__(kind, code, message)
        try:
            self.kind = FailureKind(kind)
        except ValueError:
            raise ValidationError("job.invalid_failure_kind") from None
        self.code = check_identifier(code, "failure code")
        self.message = _storable(message)

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

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __repr__(self) -> str:
        return f"<JobFailure {self.kind} {self.code}>"


def _storable(message: str) -> str:
    """Return the text with what PostgreSQL's text cannot hold replaced."""
    text = str(message).replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode(errors="replace").decode()


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
