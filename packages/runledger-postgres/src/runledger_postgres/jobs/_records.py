"""What operators read about jobs: dead letters, logs, metrics."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  attrs resolves these at run time
from uuid import UUID  # noqa: TC003

import attrs

from runledger_core import JobStatus, JsonValue


@attrs.frozen
class JobDeadLetterRecord:
    """
    How the last run of a job that died ended, with what it had then.

    It outlives a requeue; ``job_status`` and ``job_run_number`` are the job's of today.
    """

    job_id: UUID
    job_type: str
    organization_id: UUID | None
    run_number: int
    attempt: int
    error_code: str | None
    error_message: str | None = attrs.field(repr=False)
    payload_snapshot: JsonValue = attrs.field(repr=False)
    checkpoint_snapshot: JsonValue = attrs.field(repr=False)
    failed_at: datetime
    created_at: datetime
    job_status: JobStatus = attrs.field(converter=JobStatus)
    job_run_number: int

    @property
    def is_current(self) -> bool:
        """Whether the job is still dead of this."""
        return self.job_run_number == self.run_number


@attrs.frozen
class DeadLetterSummary:
    """A dead letter as a list shows it: no payload or checkpoint."""

    job_id: UUID
    job_type: str
    organization_id: UUID | None
    run_number: int
    attempt: int
    error_code: str | None
    error_message: str | None = attrs.field(repr=False)
    failed_at: datetime
    job_status: JobStatus = attrs.field(converter=JobStatus)
    job_run_number: int

    @property
    def is_current(self) -> bool:
        """Whether the job is still dead of this."""
        return self.job_run_number == self.run_number


@attrs.frozen
class DeadLetterCursor:
    """Where a page of dead letters ended."""

    failed_at: datetime
    job_id: UUID


@attrs.frozen
class DeadLetterPage:
    """A page of dead letters, and where the next one starts (None after the last)."""

    items: tuple[DeadLetterSummary, ...]
    next_cursor: DeadLetterCursor | None


@attrs.frozen
class JobLogRecord:
    """One line that the application wrote about a job."""

    id: int
    job_id: UUID
    run_number: int
    attempt: int | None
    level: str
    message: str = attrs.field(repr=False)
    payload: JsonValue = attrs.field(repr=False)
    occurred_at: datetime


@attrs.frozen
class JobMetricsRecord:
    """
    How one organization's jobs of one type are doing.

    Counts of attempts and durations are of those that began in the last 24 hours;
    durations are None when there were none. ``stale_leases`` wait for the reaper.
    """

    organization_id: UUID | None
    job_type: str
    pending_count: int
    leased_count: int
    stale_leases: int
    succeeded_24h: int
    dead_lettered_24h: int
    retryable_24h: int
    terminal_24h: int
    panicked_24h: int
    timeout_24h: int
    lease_expired_24h: int
    p50_duration_ms_24h: float | None
    p95_duration_ms_24h: float | None
