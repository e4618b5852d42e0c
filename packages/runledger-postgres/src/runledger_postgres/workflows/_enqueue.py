"""Enqueue workflow runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from runledger_core.workflows import workflow_run_snapshot

from .._json_text import json_text
from .._operation import operation
from .._statements import statement
from .._steps import Call, batch, maybe
from ..errors import QueryError
from ..records import EnqueueDisposition
from ._insert_steps import insert_steps
from ._records import WorkflowRunEnqueueOutcome, WorkflowRunRecord
from ._release import release_steps

if TYPE_CHECKING:
    from runledger_core.workflows import WorkflowRunEnqueue

    from .._steps import Row, Steps

LOCK_DEFINITIONS = statement("workflows/lock_definitions")
INSERT_RUN = statement("workflows/insert_run")
MATCH_EXISTING_RUN = statement("workflows/match_existing_run")

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
    wanted = sorted({s.job_type for s in request.steps if s.job_type is not None})
    [definitions], [inserted] = yield from batch(
        Call(LOCK_DEFINITIONS, {"job_types": wanted}),
        Call(INSERT_RUN, _run_columns(request)),
    )
    if inserted["id"] is None:
        return (yield from _match_existing(request, inserted, definitions))
    if definitions["missing_types"]:
        raise missing_definitions(definitions)
    run = _run(inserted)
    ids = yield from insert_steps(
        run.id, request.steps, organization_id=run.organization_id, existing={}
    )
    yield from release_steps(
        [ids[step.step_key] for step in request.steps if not step.dependencies]
    )
    return WorkflowRunEnqueueOutcome(run, EnqueueDisposition.INSERTED)


def missing_definitions(definitions: Row) -> QueryError:
    """Return the error that names the types without an enabled definition."""
    named = ", ".join(repr(job_type) for job_type in definitions["missing_types"])
    return QueryError("workflow.definition_not_found_or_disabled", f"job types {named}")


def _run_columns(request: WorkflowRunEnqueue) -> dict[str, Any]:
    """Return what the run's row will say when its first steps are released."""
    is_keyed = request.idempotency_key is not None
    first = [step for step in request.steps if not step.dependencies]
    gate_count = sum(step.is_external for step in first)
    return {
        "workflow_type": request.workflow_type,
        "organization_id": request.organization_id,
        "idempotency_key": request.idempotency_key,
        "metadata": json_text(request.metadata),
        "fail_fast": request.fail_fast,
        "result_step_key": request.result_step_key,
        # Only keyed runs keep the request they were enqueued with.
        "snapshot": json_text(workflow_run_snapshot(request)) if is_keyed else None,
        "step_count": len(request.steps),
        "enqueued_count": len(first) - gate_count,
        "waiting_count": gate_count,
    }


def _match_existing(
    request: WorkflowRunEnqueue, inserted: Row, definitions: Row
) -> Steps[WorkflowRunEnqueueOutcome]:
    """Resolve a request whose key already has a run."""
    if not inserted["accepts_keys"]:
        raise QueryError("workflow.enqueue_idempotency_unsupported_isolation")
    match = yield from maybe(
        MATCH_EXISTING_RUN,
        workflow_type=request.workflow_type,
        organization_id=request.organization_id,
        idempotency_key=request.idempotency_key,
        snapshot=json_text(workflow_run_snapshot(request)),
        shown_steps=SHOWN_STEPS + 1,
    )
    if match is None:
        if definitions["missing_types"]:
            raise missing_definitions(definitions)
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
