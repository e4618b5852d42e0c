"""Complete external gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import (
    StepExecutionKind,
    WorkflowStepStatus,
    check_identifier,
    check_uuid,
)

from .._json_text import json_text_or_none
from .._operation import operation
from .._statements import statement
from .._steps import maybe
from ..errors import QueryError
from ._gate_outcomes import GateCanceled, GateFailed, GateSucceeded
from ._lock import lock_run, require_read_committed
from ._propagate import EndedStep, propagate
from ._records import WorkflowStepRecord

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import Scope

    from .._steps import Row, Steps
    from ._gate_outcomes import GateOutcome

COMPLETE_GATE = statement("workflows/complete_gate")
MATCH_COMPLETED_GATE = statement("workflows/match_completed_gate")


@operation
def complete_external_workflow_step(
    run_id: UUID, step_key: str, outcome: GateOutcome, *, scope: Scope
) -> Steps[WorkflowStepRecord]:
    """
    End an open gate, and let the run go on in the same transaction.

    Given a connection it is part of the caller's transaction: what the caller found out
    and what the run does about it are one. A repeat that says exactly the same
    (outcome, reason, error, output) answers with the step and writes nothing, even when
    the run has ended since; one that says anything else is refused. A gate that its
    deadline has ended can be completed no more; until the deadline has been carried
    out, whoever comes first decides.

    Locks the run's row and waits for it at most five seconds. The scope is the run's.

    Raises:
        QueryError: ``workflow.external_step_not_found`` within *scope*,
            ``workflow.external_step_not_external`` for a job step,
            ``workflow.external_step_not_waiting`` for a gate that is still blocked,
            ``workflow.external_step_conflicting_completion_retry`` and
            ``workflow.external_step_conflicting_output_retry`` when it has ended
            otherwise, ``workflow.external_completion_unsupported_isolation`` outside
            READ COMMITTED, ``workflow.release_conflict`` when somebody else holds the
            run for too long: nothing was written, try again.
        ValidationError: ``identifier.*``.
    """
    check_uuid(run_id, "run_id")
    key = check_identifier(step_key, "step_key")
    wanted = _columns(outcome)
    yield from require_read_committed(
        "workflow.external_completion_unsupported_isolation"
    )
    try:
        yield from lock_run(run_id, scope=scope)
    except QueryError as error:
        if error.code != "workflow.run_not_found":
            raise
        raise QueryError("workflow.external_step_not_found") from None
    place = {"run_id": run_id, "step_key": key}
    completed = yield from maybe(
        COMPLETE_GATE, status=outcome.status.value, **place, **wanted
    )
    if completed is None:
        found = yield from maybe(MATCH_COMPLETED_GATE, **place, **wanted)
        return _already_completed(outcome, found)
    step = WorkflowStepRecord(**completed)
    ended = EndedStep(
        step_id=step.id,
        run_id=run_id,
        status=step.status,
        previous=WorkflowStepStatus.WAITING_FOR_EXTERNAL,
    )
    yield from propagate([ended])
    return step


def _columns(outcome: GateOutcome) -> dict[str, str | None]:
    match outcome:
        case GateSucceeded():
            return {
                "reason": outcome.reason,
                "error_code": None,
                "error_message": None,
                "output": json_text_or_none(outcome.output),
            }
        case GateFailed() | GateCanceled():
            return {
                "reason": outcome.reason,
                "error_code": outcome.error_code,
                "error_message": outcome.error_message,
                "output": None,
            }
    message = (
        "an outcome is GateSucceeded, GateFailed or GateCanceled, "
        f"not {type(outcome).__name__}"
    )
    raise TypeError(message)


def _already_completed(outcome: GateOutcome, found: Row | None) -> WorkflowStepRecord:
    """Answer a repeat, or say why the step could not be completed as a gate."""
    if found is None:
        raise QueryError("workflow.external_step_not_found")
    compared = {"has_same_reason", "has_same_output"}
    step = WorkflowStepRecord(
        **{name: found[name] for name in found if name not in compared}
    )
    if step.execution_kind is not StepExecutionKind.EXTERNAL:
        raise QueryError("workflow.external_step_not_external")
    if not step.status.is_terminal:
        raise QueryError("workflow.external_step_not_waiting")
    if step.status is not outcome.status:
        raise QueryError(
            "workflow.external_step_conflicting_completion_retry",
            f"it is {step.status.value}",
        )
    if not found["has_same_output"]:
        raise QueryError("workflow.external_step_conflicting_output_retry")
    if not found["has_same_reason"]:
        raise QueryError(
            "workflow.external_step_conflicting_completion_retry",
            "its reason or error differs",
        )
    return step
