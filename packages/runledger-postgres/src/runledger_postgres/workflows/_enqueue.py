"""Enqueue workflow runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from runledger_core.workflows import workflow_run_snapshot

from .._json_text import json_text
from .._operation import operation
from .._statements import statement
from .._steps import Call, batch, rows
from ..errors import QueryError
from ..records import EnqueueDisposition
from ._advance import advance_steps
from ._insert_steps import NewSteps, insert_steps
from ._records import WorkflowRunEnqueueOutcome, WorkflowRunRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runledger_core.workflows import WorkflowRunEnqueue

    from .._steps import Row, Steps

LOCK_DEFINITIONS = statement("workflows/lock_definitions")
INSERT_RUNS = statement("workflows/insert_runs")
MATCH_EXISTING_RUNS = statement("workflows/match_existing_runs")

RUN_FIELDS: Final = tuple(field.name for field in attrs.fields(WorkflowRunRecord))
SHOWN_STEPS: Final = 5


@operation
def enqueue_workflow_run(
    request: WorkflowRunEnqueue,
) -> Steps[WorkflowRunEnqueueOutcome]:
    """
    Store a run with all its steps and put the jobs of its first steps on the queue.

    Given a connection, the run is part of the caller's transaction: it exists if and
    when that commits. What a step leaves open its definition fills in now. With an
    idempotency key a repeat of the same request finds the run of the first call,
    whatever became of it, and writes nothing; a request that differs is refused. Keys
    belong to (workflow type, organization) and live as long as their run.

    Takes the same number of statements for every 1,000 steps and 5,000 edges. Locks
    the definitions FOR SHARE, so that disabling one waits, and an existing run FOR KEY
    SHARE. In a transaction of its own it waits at most five seconds for each; in the
    caller's, as long as that allows.

    Raises:
        QueryError: ``workflow.definition_not_found_or_disabled`` (names the types),
            ``workflow.enqueue_conflicting_retry`` (says what differs),
            ``workflow.legacy_idempotency_snapshot_missing``,
            ``workflow.enqueue_idempotency_unsupported_isolation`` for a key outside
            READ COMMITTED, ``workflow.idempotency_conflict_missing_existing``.
    """
    outcomes = yield from enqueue_workflow_runs.steps([request])
    return outcomes[0]


@operation
def enqueue_workflow_runs(
    requests: Sequence[WorkflowRunEnqueue],
) -> Steps[list[WorkflowRunEnqueueOutcome]]:
    """
    Store many runs with all their steps, all or none, as ``enqueue_workflow_run`` does.

    Outcomes come in the order of the requests. Keyed and unkeyed requests mix; a key
    that comes twice with the same request gives one run and two outcomes. However many
    runs there are, it takes the same number of statements for every 1,000 steps and
    5,000 edges of all of them. Rules, locks and errors are those of
    ``enqueue_workflow_run``.
    """
    if not requests:
        return []
    wanted = sorted({key for request in requests for key in _job_types(request)})
    [definitions], answers = yield from batch(
        Call(LOCK_DEFINITIONS, {"job_types": wanted}),
        Call(INSERT_RUNS, _run_columns(requests)),
    )
    inserted = {
        index: _run(answer) for index, answer in enumerate(answers) if answer["id"]
    }
    for index in inserted:
        _refuse_missing(requests[index], definitions)
    yield from _insert_steps([(run, requests[i]) for i, run in inserted.items()])
    existing = yield from _match_existing(requests, answers, definitions)
    return [
        existing[index]
        if index in existing
        else WorkflowRunEnqueueOutcome(inserted[index], EnqueueDisposition.INSERTED)
        for index in range(len(requests))
    ]


def _job_types(request: WorkflowRunEnqueue) -> set[str]:
    return {s.job_type for s in request.steps if s.job_type is not None}


def _refuse_missing(request: WorkflowRunEnqueue, definitions: Row) -> None:
    """Refuse a new run whose types are not all defined; name those of this run."""
    missing = _job_types(request).intersection(definitions["missing_types"])
    if missing:
        raise missing_definitions({"missing_types": sorted(missing)})


def _insert_steps(
    runs: Sequence[tuple[WorkflowRunRecord, WorkflowRunEnqueue]],
) -> Steps[None]:
    """Insert the steps of new runs, and release those that wait for nothing."""
    if not runs:
        return
    ids = yield from insert_steps(
        [NewSteps(run.id, request.steps, run.organization_id) for run, request in runs]
    )
    yield from advance_steps(
        ready=[
            own[step.step_key]
            for own, (_, request) in zip(ids, runs, strict=True)
            for step in request.steps
            if not step.dependencies
        ]
    )


def missing_definitions(definitions: Row) -> QueryError:
    """Return the error that names the types without an enabled definition."""
    named = ", ".join(repr(job_type) for job_type in definitions["missing_types"])
    return QueryError("workflow.definition_not_found_or_disabled", f"job types {named}")


def _run_columns(requests: Sequence[WorkflowRunEnqueue]) -> dict[str, Any]:
    """Return what the runs' rows will say when their first steps are released."""
    first = [[s for s in request.steps if not s.dependencies] for request in requests]
    gate_counts = [sum(step.is_external for step in steps) for steps in first]
    return {
        **_key_columns(requests),
        "metadata": [json_text(r.metadata) for r in requests],
        "fail_fasts": [r.fail_fast for r in requests],
        "result_step_keys": [r.result_step_key for r in requests],
        "step_counts": [len(r.steps) for r in requests],
        "enqueued_counts": [
            len(steps) - gate_count
            for steps, gate_count in zip(first, gate_counts, strict=True)
        ],
        "waiting_counts": gate_counts,
    }


def _key_columns(requests: Sequence[WorkflowRunEnqueue]) -> dict[str, list[Any]]:
    return {
        "workflow_types": [r.workflow_type for r in requests],
        "organization_ids": [r.organization_id for r in requests],
        "idempotency_keys": [r.idempotency_key for r in requests],
        "snapshots": [_snapshot_text(r) for r in requests],
    }


def _snapshot_text(request: WorkflowRunEnqueue) -> str | None:
    """Only keyed runs keep the request they were enqueued with."""
    if request.idempotency_key is None:
        return None
    return json_text(workflow_run_snapshot(request))


def _match_existing(
    requests: Sequence[WorkflowRunEnqueue],
    answers: Sequence[Row],
    definitions: Row,
) -> Steps[dict[int, WorkflowRunEnqueueOutcome]]:
    """Resolve the requests whose key already has a run."""
    waiting = [i for i, answer in enumerate(answers) if answer["id"] is None]
    if not waiting:
        return {}
    if not answers[0]["accepts_keys"]:
        raise QueryError("workflow.enqueue_idempotency_unsupported_isolation")
    matches = yield from rows(
        MATCH_EXISTING_RUNS,
        positions=waiting,
        shown_steps=SHOWN_STEPS + 1,
        **_key_columns([requests[index] for index in waiting]),
    )
    by_index = {match["position"]: match for match in matches}
    return {
        index: _existing_outcome(requests[index], by_index.get(index), definitions)
        for index in waiting
    }


def _existing_outcome(
    request: WorkflowRunEnqueue, match: Row | None, definitions: Row
) -> WorkflowRunEnqueueOutcome:
    """Answer with the run that has the key, if it was asked for in the same way."""
    if match is None:
        _refuse_missing(request, definitions)
        raise QueryError("workflow.idempotency_conflict_missing_existing")
    if match["is_legacy"]:
        raise QueryError(
            "workflow.legacy_idempotency_snapshot_missing",
            internal=f"run {match['id']}",
        )
    if match["differing_fields"]:
        raise QueryError(
            "workflow.enqueue_conflicting_retry",
            differences(match),
            internal=f"run {match['id']}, key {request.idempotency_key!r}",
        )
    return WorkflowRunEnqueueOutcome(_run(match), EnqueueDisposition.EXISTING)


def _run(row: Row) -> WorkflowRunRecord:
    return WorkflowRunRecord(**{name: row[name] for name in RUN_FIELDS})


def differences(match: Row) -> str:
    """Name the fields and, when they are not too many, the steps."""
    fields = f"fields that differ: {', '.join(match['differing_fields'])}"
    keys = match["differing_steps"]
    if not keys:
        return fields
    named = ", ".join(repr(key) for key in keys[:SHOWN_STEPS])
    return f"{fields}; steps that differ: {named}{' ...' * (len(keys) > SHOWN_STEPS)}"
