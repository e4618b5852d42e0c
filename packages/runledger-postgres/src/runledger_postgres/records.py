"""What the storage layer hands out: frozen values, one a row or an outcome."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  attrs resolves these at run time
from datetime import datetime  # noqa: TC003
from decimal import Decimal  # noqa: TC003
from enum import StrEnum
from uuid import UUID  # noqa: TC003

import attrs

from runledger_core import (
    AttemptOutcome,
    DeadLetterReason,
    JobEventType,
    JobStatus,
    JsonValue,
    Lease,
)

__all__ = [
    "ClaimedJob",
    "ClaimedStep",
    "CountPrecision",
    "DeferredLease",
    "EnqueueDisposition",
    "HeartbeatReport",
    "JobAttemptRecord",
    "JobDefinitionRecord",
    "JobEnqueueOutcome",
    "JobEventRecord",
    "JobPage",
    "JobProgress",
    "JobRecord",
    "JobRuntimeConfigRecord",
    "JobSummary",
    "KeyedJobPayload",
    "PayloadUpdate",
    "ReapReport",
    "ReapedLease",
    "ReleasedClaim",
    "SettledJob",
    "StatusCount",
]


def _outcome(label: str | None) -> AttemptOutcome | None:
    return None if label is None else AttemptOutcome(label)


class EnqueueDisposition(StrEnum):
    """What an enqueue did."""

    INSERTED = "INSERTED"
    """A new job was written."""
    EXISTING = "EXISTING"
    """The key already had a job with the same request; nothing was written."""


@attrs.frozen
class JobDefinitionRecord:
    """A job type and the defaults of its jobs."""

    job_type: str
    version: int
    max_attempts: int
    default_timeout_seconds: int
    default_priority: int
    is_enabled: bool
    paused_at: datetime | None
    created_at: datetime
    updated_at: datetime


@attrs.frozen
class JobRuntimeConfigRecord:
    """The application's settings for a job type."""

    job_type: str
    schema_version: int
    config: Mapping[str, JsonValue] = attrs.field(repr=False)
    updated_by_user_id: UUID | None
    created_at: datetime
    updated_at: datetime


@attrs.frozen
class JobEnqueueOutcome:
    """The job an enqueue stands for now, whoever inserted it."""

    job_id: UUID
    status: JobStatus
    run_number: int
    disposition: EnqueueDisposition


@attrs.frozen
class ClaimedStep:
    """
    The step of a workflow that a claimed job does.

    ``inputs`` are the outputs of the prerequisites that pass theirs on, by step key.
    One that ended without an output is not among them.
    """

    workflow_run_id: UUID
    step_key: str
    inputs: Mapping[str, JsonValue] = attrs.field(factory=dict, repr=False)


@attrs.frozen
class ClaimedJob:
    """
    A job whose lease the caller holds until ``lease_expires_at``.

    ``waited_seconds`` is how long it was due before it was leased, ``trace_context``
    the trace that its enqueue belonged to. ``step`` is None for a job that
    belongs to no workflow.
    """

    lease: Lease
    job_type: str
    organization_id: UUID | None
    payload: JsonValue = attrs.field(repr=False)
    checkpoint: JsonValue = attrs.field(repr=False)
    priority: int
    max_attempts: int
    timeout_seconds: int
    lease_expires_at: datetime
    waited_seconds: float = 0.0
    trace_context: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    step: ClaimedStep | None = None


@attrs.frozen
class HeartbeatReport:
    """
    What became of each lease that a heartbeat asked for; each is in one of the four.

    ``renewed`` has the new expiry. ``canceled`` are over because somebody canceled the
    job, ``lost`` for any other reason; the work under both must stop. ``busy`` are
    neither: somebody held their jobs just then. Ask again while they live.
    """

    renewed: Mapping[Lease, datetime] = attrs.field(factory=dict)
    canceled: frozenset[Lease] = frozenset()
    lost: frozenset[Lease] = frozenset()
    busy: frozenset[Lease] = frozenset()


@attrs.frozen
class JobProgress:
    """What a job's row says after a report: stored values and new ones together."""

    stage: str
    progress_done: int | None
    progress_total: int | None
    lease_expires_at: datetime


@attrs.frozen
class ReapedLease:
    """
    A job whose lease expired, and what became of it.

    ``next_run_at`` is set when it will be tried again. Payload and checkpoint are
    there for a dead letter only, for whoever wants to be told of it.
    ``started_without_renewal_heartbeat`` says that the work began and that the lease
    was never renewed: the job may have taken its worker down.
    """

    lease: Lease
    job_type: str
    organization_id: UUID | None
    max_attempts: int
    status: JobStatus
    next_run_at: datetime | None
    dead_letter_reason: DeadLetterReason | None
    started_without_renewal_heartbeat: bool
    payload: JsonValue = attrs.field(default=None, repr=False)
    checkpoint: JsonValue = attrs.field(default=None, repr=False)


@attrs.frozen
class DeferredLease:
    """
    An expired lease that could not be reaped, and why.

    ``deferred_until`` is None when the row could not even be put off: the reaper will
    meet it again at once.
    """

    lease: Lease
    job_type: str
    code: str
    sqlstate: str | None
    deferred_until: datetime | None


@attrs.frozen
class ReapReport:
    """
    What one pass of the reaper did.

    ``deferred`` tells of the first 16 rows that could not be reaped, ``deferred_count``
    has them all. ``has_more`` asks for another pass: there may be more to do.
    """

    reaped: tuple[ReapedLease, ...] = ()
    deferred: tuple[DeferredLease, ...] = attrs.field(default=(), kw_only=True)
    deferred_count: int = attrs.field(default=0, kw_only=True)
    has_more: bool = attrs.field(default=False, kw_only=True)

    @property
    def retried_count(self) -> int:
        """How many jobs will be tried again."""
        return len(self.reaped) - self.dead_lettered_count

    @property
    def dead_lettered_count(self) -> int:
        """How many jobs became dead letters."""
        return sum(one.status is JobStatus.DEAD_LETTERED for one in self.reaped)


@attrs.frozen
class ReleasedClaim:
    """A claim that was given back, and when its job is due again."""

    lease: Lease
    next_run_at: datetime


@attrs.frozen
class SettledJob:
    """
    What became of a job when its attempt ended.

    ``next_run_at`` is set when it will be tried again, ``dead_letter_reason`` when it
    will not although it failed.
    """

    lease: Lease
    status: JobStatus
    next_run_at: datetime | None = None
    dead_letter_reason: DeadLetterReason | None = None


@attrs.frozen
class JobRecord:
    """One job, whole."""

    id: UUID
    job_type: str
    organization_id: UUID | None
    payload: JsonValue = attrs.field(repr=False)
    status: JobStatus = attrs.field(converter=JobStatus)
    priority: int
    run_number: int
    attempt: int
    max_attempts: int
    timeout_seconds: int
    next_run_at: datetime
    lease_expires_at: datetime | None
    last_heartbeat_at: datetime | None
    worker_id: str | None
    started_at: datetime | None
    finished_at: datetime | None
    stage: str
    progress_done: int | None
    progress_total: int | None
    progress_pct: Decimal | None
    checkpoint: JsonValue = attrs.field(repr=False)
    output: JsonValue = attrs.field(repr=False)
    idempotency_key: str | None = attrs.field(repr=False)
    status_reason: str | None
    last_error_code: str | None
    last_error_message: str | None = attrs.field(repr=False)
    created_at: datetime
    updated_at: datetime


@attrs.frozen
class JobSummary:
    """One job as a list shows it: no payload, checkpoint or output."""

    id: UUID
    job_type: str
    organization_id: UUID | None
    status: JobStatus = attrs.field(converter=JobStatus)
    priority: int
    run_number: int
    attempt: int
    max_attempts: int
    next_run_at: datetime
    lease_expires_at: datetime | None
    worker_id: str | None
    started_at: datetime | None
    finished_at: datetime | None
    stage: str
    progress_pct: Decimal | None
    idempotency_key: str | None = attrs.field(repr=False)
    status_reason: str | None
    last_error_code: str | None
    created_at: datetime


@attrs.frozen
class JobPage:
    """
    A page of jobs, and where the next one starts (None after the last).

    The cursor is text that a URL can carry; what it says is nobody's business.
    """

    items: tuple[JobSummary, ...]
    next_cursor: str | None


@attrs.frozen
class KeyedJobPayload:
    """The job that owns an idempotency key, and its payload as it is now."""

    job_id: UUID
    status: JobStatus = attrs.field(converter=JobStatus)
    run_number: int
    payload: JsonValue = attrs.field(repr=False)


class PayloadUpdate(StrEnum):
    """What became of a change to a payload. Refusals are tried in this order."""

    UPDATED = "UPDATED"
    """The payload was written."""
    NOT_FOUND = "NOT_FOUND"
    """There is no such job of this type, or no such step, within the scope."""
    WORKFLOW_MANAGED = "WORKFLOW_MANAGED"
    """The job belongs to a workflow step; see ``update_workflow_step_payload``."""
    IDEMPOTENT_REQUEST_SNAPSHOT = "IDEMPOTENT_REQUEST_SNAPSHOT"
    """The job has a key: repeats are compared with what was asked for."""
    NOT_PENDING_OR_CLAIMED = "NOT_PENDING_OR_CLAIMED"
    """A worker has the job, or it has ended."""
    PAYLOAD_NOT_AN_OBJECT = "PAYLOAD_NOT_AN_OBJECT"
    """The payload has no fields."""


class CountPrecision(StrEnum):
    """How a count is to be read."""

    EXACT = "EXACT"
    """As many as there are."""
    ESTIMATED = "ESTIMATED"
    """About as many, by the server's statistics; more than were counted exactly."""
    AT_LEAST = "AT_LEAST"
    """So many were counted, then the counting stopped."""


@attrs.frozen
class StatusCount:
    """How many jobs are in a status."""

    count: int
    precision: CountPrecision = CountPrecision.EXACT


@attrs.frozen
class JobEventRecord:
    """One line of a job's history."""

    id: int
    job_id: UUID
    run_number: int
    attempt: int | None
    event_type: JobEventType = attrs.field(converter=JobEventType)
    stage: str | None
    progress_done: int | None
    progress_total: int | None
    payload: JsonValue = attrs.field(repr=False)
    occurred_at: datetime


@attrs.frozen
class JobAttemptRecord:
    """
    One attempt; ``outcome`` and ``finished_at`` are None while it runs.

    ``error_detail`` is the traceback of an exception, shortened in its middle.
    """

    id: UUID
    job_id: UUID
    run_number: int
    attempt: int
    worker_id: str
    leased_at: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: AttemptOutcome | None = attrs.field(converter=_outcome)
    error_code: str | None
    error_message: str | None = attrs.field(repr=False)
    error_detail: str | None = attrs.field(repr=False)
    retry_delay_ms: int | None
