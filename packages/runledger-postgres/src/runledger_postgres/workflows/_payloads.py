"""Change the payload of a step that nobody has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import check_identifier, check_json, check_uuid

from .._json_text import json_text
from .._operation import operation
from .._statements import statement
from .._steps import Call, batch
from .._waits import bounded
from ..errors import QueryError
from ..records import PayloadUpdate
from ._lock import lock_run

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import JsonInput, Scope

    from .._steps import Steps

LOCK_STEP_JOB = statement("workflows/lock_step_job")
SET_STEP_PAYLOAD = statement("workflows/set_step_payload")


@operation
def update_workflow_step_payload(
    run_id: UUID, step_key: str, payload: JsonInput, *, scope: Scope
) -> Steps[PayloadUpdate]:
    """
    Replace the payload of a step that is blocked, queued or an open gate.

    The job of a step that was released already gets it as well. The answer is
    NOT_PENDING_OR_CLAIMED when a worker has the step's job or the step has ended, and
    NOT_FOUND when there is no such step or *scope*, which is the run's, does not have
    its run. What an idempotency key or a mutation key was given for stays as it was: a
    repeat is compared with what was asked for first. A repeat sets the same.

    Locks the run's row, then the job's, and waits at most five seconds for each.

    Raises:
        QueryError: ``workflow.release_conflict`` when somebody else moves the run for
            too long; ``db.query_failed`` when the job is not to be had in time.
        ValidationError: ``identifier.*``, ``job.payload_not_json``.
    """
    check_uuid(run_id, "run_id")
    place = {"run_id": run_id, "step_key": check_identifier(step_key, "step_key")}
    text = json_text(check_json(payload, "job.payload_not_json"))
    try:
        yield from lock_run(run_id, scope=scope)
    except QueryError as error:
        if error.code != "workflow.run_not_found":
            raise
        return PayloadUpdate.NOT_FOUND
    _, judged = yield from bounded(
        batch(
            Call(LOCK_STEP_JOB, place),
            Call(SET_STEP_PAYLOAD, {**place, "payload": text}),
        )
    )
    return PayloadUpdate(judged[0]["disposition"] if judged else "NOT_FOUND")
