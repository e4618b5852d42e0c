"""
Retry a failed step in place.

The run becomes what it was before the step ended: the step's job begins its next run,
and whatever was canceled because the step had failed waits for it again. So the rest
follows from the ordinary rules when the step ends once more. What cannot be taken back
is left: steps that ran because their prerequisites only had to end.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from runledger_core import (
    StepExecutionKind,
    WorkflowRunStatus,
    WorkflowStepStatus,
    check_identifier,
    check_text,
    check_uuid,
)

from .._operation import operation
from .._statements import statement
from .._steps import Call, batch, rows
from .._waits import bounded
from ..errors import QueryError
from ._advance import UNSATISFIED
from ._lock import lock_run, require_read_committed
from ._propagate import FAIL_FAST, propagate
from ._reads import READ_RUN
from ._records import WorkflowRunRecord, WorkflowStepRecord
from ._settle_runs import RunDelta

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import Scope

    from .._steps import Row, Rows, Steps

FIND_STEP_TO_RETRY = statement("workflows/find_step_to_retry")
FIND_RETRY_MUTATION = statement("workflows/find_retry_mutation")
REQUEUE_STEP_JOBS = statement("workflows/requeue_step_jobs")
REOPEN_STEPS = statement("workflows/reopen_steps")
RECOUNT_STEPS = statement("workflows/recount_steps")
INSERT_RETRY_MUTATION = statement("workflows/insert_retry_mutation")
READ_STEPS_BY_KEY = statement("workflows/read_steps_by_key")


class RetryDisposition(StrEnum):
    """Say whether a retry was carried out now."""

    RETRIED = "RETRIED"
    """The step was put back on the queue by this call."""
    ALREADY_RETRIED = "ALREADY_RETRIED"
    """A call with this mutation key has done it before; nothing was written."""


@attrs.frozen
class StepRetry:
    """A step that was retried, and its run, as they are now."""

    run: WorkflowRunRecord
    step: WorkflowStepRecord
    disposition: RetryDisposition
    reopened_step_keys: tuple[str, ...] = ()
    """The other steps that this call reopened; none when it is a repeat."""


@operation
def retry_workflow_step(
    run_id: UUID,
    step_key: str,
    *,
    scope: Scope,
    reason: str | None = None,
    mutation_key: str | None = None,
    keep_progress: bool = False,
) -> Steps[StepRetry]:
    """
    Put the job of a failed step back on the queue, and reopen what failed with it.

    The job begins its next run, with all its attempts and due at once; progress and
    checkpoint are reset unless *keep_progress*. Steps that were canceled because this
    one had not succeeded are blocked again, and so are those that were canceled because
    of them. In a run with ``fail_fast`` everything that the fault stopped goes on as
    well, jobs that were canceled with their next runs. A run that has ended is RUNNING
    again. Steps that were released by the failed one all the same, by ON_TERMINAL, stay
    as they are, ended or not.

    With *mutation_key* a repeat finds that it was done and writes nothing, whatever has
    become of the step since; the key must not stand for anything else. Without one, a
    repeat is refused while the step has not failed again. *reason* is kept with the
    mutation and in the jobs' REQUEUED events, so keep secrets out.

    Locks the run's row, then the jobs' in id order, and waits at most five seconds for
    each.

    Raises:
        QueryError: ``workflow.run_not_found`` within *scope*,
            ``workflow.step_not_found``, ``workflow.step_not_failed`` (says what it
            is), ``workflow.retry_external_step`` for a gate,
            ``workflow.retry_canceled_run``, ``workflow.retry_conflicting_mutation``
            when the key stands for something else, ``workflow.release_conflict`` when
            somebody else moves the run for too long,
            ``workflow.retry_unsupported_isolation`` outside READ COMMITTED.
        ValidationError: ``workflow.invalid_reason``, ``identifier.*``.
    """
    check_uuid(run_id, "run_id")
    key = check_identifier(step_key, "step_key")
    told = None if reason is None else check_text(reason, "workflow.invalid_reason")
    if mutation_key is not None:
        check_identifier(mutation_key, "mutation_key")
    yield from require_read_committed("workflow.retry_unsupported_isolation")
    run = yield from lock_run(run_id, scope=scope)
    place = {"run_id": run_id, "step_key": key}
    steps, mutations = yield from batch(
        Call(FIND_STEP_TO_RETRY, place),
        Call(FIND_RETRY_MUTATION, {**place, "mutation_key": mutation_key}),
    )
    if mutations:
        if not mutations[0]["is_same_retry"]:
            raise QueryError("workflow.retry_conflicting_mutation")
        return (yield from _retry(place, RetryDisposition.ALREADY_RETRIED))
    step = _retryable(steps, run.status)
    values = {
        "reason": told,
        "mutation_key": mutation_key or step["fresh_mutation_key"],
    }
    reopened = yield from _reopen(run_id, step, {**values, "keep": keep_progress})
    requeued = [row["step_key"] for row in reopened if row["status"] == "ENQUEUED"]
    yield from rows(INSERT_RETRY_MUTATION, **place, **values, requeued_steps=requeued)
    yield from _settle(run_id, reopened, enqueued_count=len(requeued))
    others = tuple(row["step_key"] for row in reopened if row["id"] != step["id"])
    return (yield from _retry(place, RetryDisposition.RETRIED, others))


def _retryable(steps: Rows, run_status: WorkflowRunStatus) -> Row:
    """Return the step, or say why it cannot be retried."""
    if not steps:
        raise QueryError("workflow.step_not_found")
    [step] = steps
    if step["execution_kind"] != StepExecutionKind.JOB:
        raise QueryError("workflow.retry_external_step")
    if run_status is WorkflowRunStatus.CANCELED:
        raise QueryError("workflow.retry_canceled_run")
    if step["status"] != WorkflowStepStatus.FAILED:
        raise QueryError("workflow.step_not_failed", f"it is {step['status']}")
    if step["job_id"] is None:
        raise QueryError("workflow.internal_state", "the step has no job")
    return step


def _reopen(run_id: UUID, step: Row, values: dict[str, object]) -> Steps[Rows]:
    """Requeue the jobs and reopen the steps; return what was reopened."""
    place = {"run_id": run_id, "step_id": step["id"], "fail_fast_code": FAIL_FAST}
    requeued = yield from bounded(
        rows(
            REQUEUE_STEP_JOBS,
            **place,
            reason=values["reason"],
            mutation_key=values["mutation_key"],
            keep_progress=values["keep"],
        )
    )
    return (
        yield from rows(
            REOPEN_STEPS,
            **place,
            unsatisfied_code=UNSATISFIED,
            job_ids=[row["id"] for row in requeued],
        )
    )


def _settle(run_id: UUID, reopened: Rows, *, enqueued_count: int) -> Steps[None]:
    """Count what the reopened steps and their dependents wait for, and move the run."""
    found = yield from rows(RECOUNT_STEPS, step_ids=[row["id"] for row in reopened])
    yield from propagate(
        ready=[row["id"] for row in found],
        deltas={
            run_id: RunDelta(
                ended=-len(reopened),
                unsuccessful=-len(reopened),
                enqueued=enqueued_count,
            )
        },
    )


def _retry(
    place: dict[str, object],
    disposition: RetryDisposition,
    reopened_step_keys: tuple[str, ...] = (),
) -> Steps[StepRetry]:
    """Read what became of the run and the step."""
    [run], [step] = yield from batch(
        Call(READ_RUN, {"run_id": place["run_id"]}),
        Call(
            READ_STEPS_BY_KEY,
            {"run_id": place["run_id"], "step_keys": [place["step_key"]]},
        ),
    )
    return StepRetry(
        WorkflowRunRecord(**run),
        WorkflowStepRecord(**step),
        disposition,
        reopened_step_keys,
    )
