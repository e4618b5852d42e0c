"""Describe a job that is to be enqueued."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - cattrs resolves the hints
from datetime import datetime  # noqa: TC003
from uuid import UUID  # noqa: TC003 - cattrs resolves the hints of attrs classes

import attrs

from ._identifiers import check_identifier, check_uuid
from ._instants import check_instant
from ._json import JsonInput, JsonValue, check_json
from ._numbers import MIN_INT32, check_whole_number
from ._statuses import JobStage
from ._text import check_trace_context

# Looked up once: an enum's value is a property, and bulk enqueues ask for each job.
_FIRST_STAGE = JobStage.QUEUED.value


def _job_type(value: str) -> str:
    return check_identifier(value, "job_type")


def _payload(value: JsonInput) -> JsonValue:
    return check_json(value, "job.payload_not_json")


def _organization_id(value: UUID | None) -> UUID | None:
    return None if value is None else check_uuid(value, "organization_id")


def _priority(value: int | None) -> int | None:
    if value is None:
        return None
    return check_whole_number(value, "job.invalid_priority", minimum=MIN_INT32)


def _max_attempts(value: int | None) -> int | None:
    if value is None:
        return None
    return check_whole_number(value, "job.invalid_max_attempts", minimum=1)


def _timeout_seconds(value: int | None) -> int | None:
    if value is None:
        return None
    return check_whole_number(value, "job.invalid_timeout", minimum=1)


def _next_run_at(value: datetime | None) -> datetime | None:
    return None if value is None else check_instant(value, "job.invalid_next_run_at")


def _idempotency_key(value: str | None) -> str | None:
    return None if value is None else check_identifier(value, "idempotency_key")


def _stage(value: str | None) -> str | None:
    return None if value is None else check_identifier(value, "stage")


def _trace_context(value: Mapping[str, str] | None) -> Mapping[str, str] | None:
    return None if value is None else check_trace_context(value)


@attrs.frozen
class JobEnqueue:
    """
    Ask for one job. Everything is checked when the request is made.

    The payload is copied, so changing it afterwards does not change the request.
    What is left out comes from the job's definition when the job is enqueued.

    Args:
        job_type: an enabled definition of this type must exist.
        payload: any JSON value; the default is an empty object.
        organization_id: whose job it is; None makes it global.
        priority: higher is claimed first.
        max_attempts: attempts of one run before the job is dead-lettered.
        timeout_seconds: how long one attempt may take.
        next_run_at: not before this instant; None means at once. It must have a
            time zone and is kept in UTC, to the microsecond.
        idempotency_key: enqueueing the same request again under the same key, job
            type and organization answers with the job that exists. A repeat must be
            the same to the letter, also in what it leaves out.
        stage: the first stage; None means ``queued``.
        trace_context: the trace to which this belongs, as the few short strings that
            OpenTelemetry's propagators write, at most 2 KiB. It is handed to whoever
            runs the job, and is no part of the request that a key stands for.

    Raises:
        ValidationError: ``identifier.*``, ``job.payload_not_json``,
            ``job.invalid_priority``, ``job.invalid_max_attempts``,
            ``job.invalid_timeout``, ``job.invalid_next_run_at``,
            ``job.invalid_trace_context``.
    """

    job_type: str = attrs.field(converter=_job_type)
    # Payloads and keys stay out of reprs, since reprs end in logs.
    payload: JsonValue = attrs.field(
        factory=dict, converter=_payload, repr=False, hash=False
    )
    organization_id: UUID | None = attrs.field(
        default=None, converter=_organization_id, kw_only=True
    )
    priority: int | None = attrs.field(default=None, converter=_priority, kw_only=True)
    max_attempts: int | None = attrs.field(
        default=None, converter=_max_attempts, kw_only=True
    )
    timeout_seconds: int | None = attrs.field(
        default=None, converter=_timeout_seconds, kw_only=True
    )
    next_run_at: datetime | None = attrs.field(
        default=None, converter=_next_run_at, kw_only=True
    )
    idempotency_key: str | None = attrs.field(
        default=None, converter=_idempotency_key, repr=False, kw_only=True
    )
    stage: str | None = attrs.field(default=None, converter=_stage, kw_only=True)
    trace_context: Mapping[str, str] | None = attrs.field(
        default=None,
        converter=_trace_context,
        repr=False,
        hash=False,
        kw_only=True,
    )

    @property
    def effective_stage(self) -> str:
        """The stage that the job will have."""
        return self.stage or _FIRST_STAGE
