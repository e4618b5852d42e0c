"""Lease due jobs to a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runledger_core import Lease, check_identifier

from .._operation import operation
from .._statements import statement
from .._steps import rows
from ..errors import QueryError
from ..records import ClaimedJob, ClaimedStep
from ._lease import check_lease_seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

    from runledger_core import JsonValue

    from .._steps import Row, Rows, Steps

CLAIM_JOBS = statement("jobs/claim_jobs")
LIST_STEP_INPUTS = statement("jobs/list_step_inputs")
MAX_CLAIM_LIMIT: Final = 1000


@operation(owns_transaction=True)
def claim_jobs(
    *,
    worker_id: str,
    lease_seconds: int,
    limit: int,
    job_types: Collection[str] | None = None,
    type_limits: Mapping[str, int] | None = None,
) -> Steps[list[ClaimedJob]]:
    """
    Lease up to *limit* due jobs to *worker_id* for *lease_seconds*.

    Highest priority first, then by due time, then by age; *job_types* restricts the
    claim, and an empty one claims nothing; of a type in *type_limits* no more than that
    many are claimed. Each claimed job gets its next attempt,
    a LEASED event and the stage ``running``: claim only what you start at once.
    A job that is a step of a workflow comes with the outputs that it asked for.
    A repeat claims other jobs. Takes row locks and steps over rows that others hold.

    Commits by itself, so that the lease is visible before the work begins.

    Raises:
        QueryError: ``job.invalid_lease_duration``, ``job.invalid_claim_limit``
            (1 to 1000, and at least 1 for a type), ``db.transaction_not_owned``.
        ValidationError: ``identifier.*`` for the worker id.
    """
    check_identifier(worker_id, "worker_id")
    check_lease_seconds(lease_seconds)
    limits = {} if type_limits is None else type_limits
    if not 1 <= limit <= MAX_CLAIM_LIMIT or any(each < 1 for each in limits.values()):
        raise QueryError("job.invalid_claim_limit")
    if job_types is not None and not job_types:
        return []
    found = yield from rows(
        CLAIM_JOBS,
        worker_id=worker_id,
        lease_seconds=lease_seconds,
        limit=limit,
        job_types=None if job_types is None else list(job_types),
        limited_types=list(limits),
        rooms=[min(each, limit) for each in limits.values()],
    )
    inputs = yield from _inputs(found)
    return [_claimed(worker_id, row, inputs) for row in found]


def _inputs(claimed: Rows) -> Steps[Mapping[UUID, Mapping[str, JsonValue]]]:
    """Read the inputs of the claimed steps; ask nothing when no step has any."""
    step_ids = [row["step_id"] for row in claimed if row["has_inputs"]]
    if not step_ids:
        return {}
    inputs: dict[UUID, dict[str, JsonValue]] = {}
    for row in (yield from rows(LIST_STEP_INPUTS, step_ids=step_ids)):
        inputs.setdefault(row["step_id"], {})[row["step_key"]] = row["output"]
    return inputs


def _claimed(
    worker_id: str, row: Row, inputs: Mapping[UUID, Mapping[str, JsonValue]]
) -> ClaimedJob:
    step_id = row["step_id"]
    return ClaimedJob(
        lease=Lease(
            job_id=row["job_id"],
            run_number=row["run_number"],
            attempt=row["attempt"],
            worker_id=worker_id,
        ),
        job_type=row["job_type"],
        organization_id=row["organization_id"],
        payload=row["payload"],
        checkpoint=row["checkpoint"],
        priority=row["priority"],
        max_attempts=row["max_attempts"],
        timeout_seconds=row["timeout_seconds"],
        lease_expires_at=row["lease_expires_at"],
        waited_seconds=row["waited_seconds"],
        trace_context=row["trace_context"],
        step=None
        if step_id is None
        else ClaimedStep(
            workflow_run_id=row["workflow_run_id"],
            step_key=row["step_key"],
            inputs=inputs.get(step_id, {}),
        ),
    )
