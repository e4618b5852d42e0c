"""Why a job stands where it stands: as values and in words."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID  # noqa: TC003  attrs resolves these at run time

import attrs

from runledger_core import JobStatus

JOBS_AHEAD_CAP: Final = 1000


class ExplanationReason(StrEnum):
    """What keeps a job from running, or that nothing does."""

    SUCCEEDED = "SUCCEEDED"
    """It has run, and is over."""
    DEAD_LETTERED = "DEAD_LETTERED"
    """It failed for good; an operator may requeue it."""
    CANCELED = "CANCELED"
    """Somebody ended it; an operator may requeue it."""
    RUNNING = "RUNNING"
    """A worker holds its lease."""
    LEASE_EXPIRED = "LEASE_EXPIRED"
    """Its worker was not heard of in time; the reaper has not come by yet."""
    RUN_TIME_IN_FUTURE = "RUN_TIME_IN_FUTURE"
    """Its time has not come: it was enqueued for later, or waits for its retry."""
    TYPE_PAUSED = "TYPE_PAUSED"
    """An operator has paused the claims of its type."""
    TYPE_DISABLED = "TYPE_DISABLED"
    """Its type is disabled, which may be why no worker takes it."""
    NO_LIVE_WORKER = "NO_LIVE_WORKER"
    """No worker that is alive has registered its type."""
    IN_LINE = "IN_LINE"
    """It can be claimed now; other jobs are before it, or all workers are busy."""


@attrs.frozen
class JobExplanation:
    """
    Why a job is not running, or what became of it, at ``observed_at``.

    ``reasons`` are all that hold, the one to look at first in front. ``jobs_ahead``
    counts the due jobs of its type that a claim takes first, up to 1000; it is 0 for
    a job that is not due. Times are the database's.
    """

    job_id: UUID
    job_type: str
    status: JobStatus = attrs.field(converter=JobStatus)
    run_number: int
    attempt: int
    max_attempts: int
    next_run_at: datetime
    worker_id: str | None
    lease_expires_at: datetime | None
    finished_at: datetime | None
    status_reason: str | None
    last_error_code: str | None
    is_type_enabled: bool
    type_paused_at: datetime | None
    live_worker_count: int
    jobs_ahead: int
    workflow_run_id: UUID | None
    workflow_step_key: str | None
    observed_at: datetime
    reasons: tuple[ExplanationReason, ...] = attrs.field(init=False)

    @reasons.default
    def _judge(self) -> tuple[ExplanationReason, ...]:
        if self.status is JobStatus.PENDING:
            return tuple(self._obstacles()) or (ExplanationReason.IN_LINE,)
        if self.status is JobStatus.LEASED:
            is_live = self.lease_expires_at and self.lease_expires_at > self.observed_at
            reason = "RUNNING" if is_live else "LEASE_EXPIRED"
            return (ExplanationReason(reason),)
        return (ExplanationReason(self.status.value),)

    def _obstacles(self) -> list[ExplanationReason]:
        found = []
        if self.type_paused_at is not None:
            found.append(ExplanationReason.TYPE_PAUSED)
        if self.next_run_at > self.observed_at:
            found.append(ExplanationReason.RUN_TIME_IN_FUTURE)
        if self.live_worker_count == 0:
            # Workers take jobs that were enqueued before their type was disabled.
            if not self.is_type_enabled:
                found.append(ExplanationReason.TYPE_DISABLED)
            found.append(ExplanationReason.NO_LIVE_WORKER)
        return found

    @property
    def reason(self) -> ExplanationReason:
        """The reason to look at first."""
        return self.reasons[0]

    @property
    def sentence(self) -> str:
        """All reasons in words, for people. Not to be parsed."""
        text = f"The job {' and '.join(self._phrase(r) for r in self.reasons)}."
        if self.workflow_run_id is None:
            return text
        key, run_id = self.workflow_step_key, self.workflow_run_id
        return f"{text} It is the step {key!r} of the workflow run {run_id}."

    def _phrase(self, reason: ExplanationReason) -> str:
        is_retry = reason is ExplanationReason.RUN_TIME_IN_FUTURE and self.attempt > 0
        phrase = _RETRY_PHRASE if is_retry else _PHRASES[reason]
        fields = attrs.asdict(self, value_serializer=_worded)
        return phrase.format(**fields, ahead=self._ahead())

    def _ahead(self) -> str:
        if self.jobs_ahead >= JOBS_AHEAD_CAP:
            return f"at least {JOBS_AHEAD_CAP} jobs"
        named = {0: "no job", 1: "one job"}
        return named.get(self.jobs_ahead, f"{self.jobs_ahead} jobs")


_PHRASES: Final = {
    ExplanationReason.SUCCEEDED: "succeeded at {finished_at}",
    ExplanationReason.DEAD_LETTERED: (
        "died at {finished_at} in attempt {attempt} of {max_attempts}, {status_reason} "
        "({last_error_code}), and waits for an operator to requeue it"
    ),
    ExplanationReason.CANCELED: "was canceled at {finished_at}",
    ExplanationReason.RUNNING: (
        "is running: {worker_id} holds its lease until {lease_expires_at}"
    ),
    ExplanationReason.LEASE_EXPIRED: (
        "waits for the reaper: the lease of {worker_id} expired at {lease_expires_at}"
    ),
    ExplanationReason.RUN_TIME_IN_FUTURE: "is not due before {next_run_at}",
    ExplanationReason.TYPE_PAUSED: "has a type that is paused since {type_paused_at}",
    ExplanationReason.TYPE_DISABLED: "has a type that is disabled",
    ExplanationReason.NO_LIVE_WORKER: "has no live worker that takes {job_type}",
    ExplanationReason.IN_LINE: "is due and has {ahead} of its type before it",
}
_RETRY_PHRASE: Final = (
    "waits until {next_run_at} for another try, after attempt {attempt} of "
    "{max_attempts} ({last_error_code})"
)


def _worded(_owner: object, _field: object, value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return value
