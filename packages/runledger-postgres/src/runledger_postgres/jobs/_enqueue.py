"""Put jobs on the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import JobStatus, job_snapshot

from .._array_text import plain_column, text_column
from .._json_text import json_text, json_text_or_none
from .._operation import operation
from .._statements import statement
from .._steps import committed, committed_tuples, one, rows
from ..errors import QueryError
from ..records import EnqueueDisposition, JobEnqueueOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from runledger_core import JobEnqueue

    from .._steps import Row, Steps

ENQUEUE_JOB = statement("jobs/enqueue_job")
ENQUEUE_JOBS = statement("jobs/enqueue_jobs")
WAKE_SLEEPERS = statement("workers/wake_sleepers")
MATCH_EXISTING_JOBS = statement("jobs/match_existing_jobs")


@operation
def enqueue_job(request: JobEnqueue) -> Steps[JobEnqueueOutcome]:
    """
    Put one job on the queue.

    Given a connection, the job is part of the caller's transaction: it exists if and
    when that commits. With an idempotency key a repeat of the same request finds the
    job of the first call, whatever became of it, and writes nothing; a request that
    differs in any field is refused. Keys belong to (job type, organization) and live
    as long as their job.

    Locks the definition FOR SHARE, so that disabling it waits, and an existing
    keyed job FOR KEY SHARE. In a transaction of its own it waits at most five seconds
    for each; in the caller's, as long as that allows.

    Raises:
        QueryError: ``job.definition_not_found_or_disabled``,
            ``job.idempotency_conflict`` (says which fields differ),
            ``job.legacy_idempotency_snapshot_missing``,
            ``job.enqueue_idempotency_unsupported_isolation`` for a key outside
            READ COMMITTED, ``job.idempotency_conflict_missing_existing``.
    """
    if request.idempotency_key is not None:
        return (yield from enqueue_jobs.steps([request]))[0]
    inserted = yield from committed_tuples(
        ENQUEUE_JOB,
        job_type=request.job_type,
        organization_id=request.organization_id,
        payload=json_text(request.payload),
        priority=request.priority,
        max_attempts=request.max_attempts,
        timeout_seconds=request.timeout_seconds,
        next_run_at=request.next_run_at,
        stage=request.effective_stage,
        trace_context=json_text_or_none(request.trace_context),
    )
    if not inserted:
        raise QueryError("job.definition_not_found_or_disabled", _named(request))
    [(job_id, has_sleepers)] = inserted
    if has_sleepers:
        yield from _wake([request])
    return _inserted(job_id)


@operation
def enqueue_jobs(requests: Sequence[JobEnqueue]) -> Steps[list[JobEnqueueOutcome]]:
    """
    Put many jobs on the queue, all or none, in one round trip.

    Outcomes come in the order of the requests. Keyed and unkeyed requests mix; a key
    that comes twice with the same request gives one job and two outcomes. The ids of
    one call follow each other: whoever knows one can tell its neighbours, so an id is
    a name and no secret. Rules, locks and errors are those of ``enqueue_job``.
    """
    if not requests:
        return []
    answer = yield from one(
        ENQUEUE_JOBS,
        wanted_types=sorted({request.job_type for request in requests}),
        **_request_columns(requests),
    )
    outcomes = [_inserted(job_id) for job_id in answer["job_ids"]]
    missing = answer["missing"]
    for index in missing:
        if requests[index].idempotency_key is None:
            raise QueryError(
                "job.definition_not_found_or_disabled",
                _named(requests[index]),
            )
        if not answer["accepts_keys"]:
            raise QueryError("job.enqueue_idempotency_unsupported_isolation")
    if answer["has_sleepers"] and len(missing) < len(requests):
        known = set(missing)
        yield from _wake([r for i, r in enumerate(requests) if i not in known])
    if missing:
        found = yield from _match_existing(requests, missing, answer["defined_types"])
        for index, outcome in found.items():
            outcomes[index] = outcome
    return outcomes


def _wake(requests: Sequence[JobEnqueue]) -> Steps[None]:
    yield from committed(
        WAKE_SLEEPERS,
        job_types=[request.job_type for request in requests],
        next_runs_at=[request.next_run_at for request in requests],
    )


def _inserted(job_id: UUID) -> JobEnqueueOutcome:
    return JobEnqueueOutcome(
        job_id=job_id,
        status=JobStatus.PENDING,
        run_number=1,
        disposition=EnqueueDisposition.INSERTED,
    )


def _match_existing(
    requests: Sequence[JobEnqueue],
    missing: Sequence[int],
    defined_types: Sequence[str],
) -> Steps[dict[int, JobEnqueueOutcome]]:
    """Resolve the keyed requests whose key already has a job."""
    columns = _request_columns([requests[index] for index in missing])
    matches = yield from rows(
        MATCH_EXISTING_JOBS,
        positions=missing,
        **{name: columns[name] for name in _MATCHED_COLUMNS},
    )
    by_index = {match["position"]: match for match in matches}
    return {
        index: _existing_outcome(
            requests[index],
            by_index.get(index),
            is_defined=requests[index].job_type in defined_types,
        )
        for index in missing
    }


_MATCHED_COLUMNS = ("job_types", "organization_ids", "idempotency_keys", "snapshots")


def _existing_outcome(
    request: JobEnqueue, match: Row | None, *, is_defined: bool
) -> JobEnqueueOutcome:
    if match is None:
        code = (
            "job.idempotency_conflict_missing_existing"
            if is_defined
            else "job.definition_not_found_or_disabled"
        )
        raise QueryError(code, _named(request))
    if match["is_legacy"]:
        raise QueryError(
            "job.legacy_idempotency_snapshot_missing",
            internal=f"job {match['job_id']}",
        )
    if match["differing_fields"]:
        raise QueryError(
            "job.idempotency_conflict",
            f"fields that differ: {', '.join(match['differing_fields'])}",
            internal=f"job {match['job_id']}, key {request.idempotency_key!r}",
        )
    return JobEnqueueOutcome(
        job_id=match["job_id"],
        status=JobStatus(match["status"]),
        run_number=match["run_number"],
        disposition=EnqueueDisposition.EXISTING,
    )


def _named(request: JobEnqueue) -> str:
    return f"job type {request.job_type!r}"


def _request_columns(requests: Sequence[JobEnqueue]) -> dict[str, str]:
    """Turn the requests on their side: the statement takes an array a column."""
    times = [r.next_run_at for r in requests]
    return {
        "job_types": text_column([r.job_type for r in requests]),
        "organization_ids": plain_column([r.organization_id for r in requests]),
        "payloads": text_column([json_text(r.payload) for r in requests]),
        "priorities": plain_column([r.priority for r in requests]),
        "max_attempts": plain_column([r.max_attempts for r in requests]),
        "timeouts_seconds": plain_column([r.timeout_seconds for r in requests]),
        "next_runs_at": text_column(
            [None if at is None else at.isoformat() for at in times]
        ),
        "idempotency_keys": text_column([r.idempotency_key for r in requests]),
        "stages": text_column([r.effective_stage for r in requests]),
        "snapshots": text_column([_snapshot_text(r) for r in requests]),
        "trace_contexts": text_column(
            [json_text_or_none(r.trace_context) for r in requests]
        ),
    }


def _snapshot_text(request: JobEnqueue) -> str | None:
    """Only keyed jobs keep the request they were enqueued with."""
    if request.idempotency_key is None:
        return None
    return json_text(job_snapshot(request))
