"""Change the payload of a job that nobody has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import check_identifier, check_json, check_uuid

from .._json_text import json_text
from .._operation import operation
from .._statements import scoped_statement
from .._steps import Call, batch
from .._waits import bounded
from ..records import PayloadUpdate
from ._cancel import LOCK_JOB

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from runledger_core import JsonInput, Scope

    from .._steps import Steps

SET_JOB_PAYLOAD_FIELD = scoped_statement("jobs/set_job_payload_field")


@operation
def update_job_payload_field(
    job_id: UUID, *, scope: Scope, job_type: str, field: str, value: JsonInput
) -> Steps[PayloadUpdate]:
    """
    Set one top-level field of the payload of a job that waits in the queue.

    Only for jobs without a key that no workflow made and no worker holds; the answer
    says which of these kept it from happening. A repeat sets the same. Locks the job's
    row and waits for it at most a second.

    Raises:
        QueryError: ``db.query_failed`` when the row is not to be had in time.
        ValidationError: ``identifier.*``, ``job.payload_not_json``.
    """
    check_uuid(job_id, "job_id")
    lock, extra = LOCK_JOB.within(scope)
    update, _ = SET_JOB_PAYLOAD_FIELD.within(scope)
    values = {
        "job_id": job_id,
        "job_type": check_identifier(job_type, "job_type"),
        "field": check_identifier(field, "field"),
        "value": json_text(check_json(value, "job.payload_not_json")),
        **extra,
    }
    _, judged = yield from bounded(
        batch(Call(lock, {"job_id": job_id, **extra}), Call(update, values)),
        seconds=1,
    )
    return PayloadUpdate(judged[0]["disposition"] if judged else "NOT_FOUND")


@operation
def update_job_payload_uuid_array_field(
    job_id: UUID, *, scope: Scope, job_type: str, field: str, uuids: Sequence[UUID]
) -> Steps[PayloadUpdate]:
    """
    Set one top-level field of a payload to an array of UUIDs.

    Rules, locks and errors are those of ``update_job_payload_field``.
    """
    value = [str(check_uuid(each, "uuids")) for each in uuids]
    return (
        yield from update_job_payload_field.steps(
            job_id, scope=scope, job_type=job_type, field=field, value=value
        )
    )
