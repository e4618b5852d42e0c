"""Lease due jobs to a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runledger_core import Lease, check_identifier, fast_constructor

from .._json_text import parse_json
from .._operation import operation
from .._statements import statement
from .._steps import committed_tuples
from ..errors import QueryError
from ..records import ClaimedJob, ClaimedStep
from ._lease import check_lease_seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .._steps import Steps

CLAIM_JOBS = statement("jobs/claim_jobs")
MAX_CLAIM_LIMIT: Final = 1000

_new_job: Final = fast_constructor(ClaimedJob)
_new_lease: Final = fast_constructor(Lease)


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
    found = yield from committed_tuples(
        CLAIM_JOBS,
        worker_id=worker_id,
        lease_seconds=lease_seconds,
        limit=limit,
        job_types=None if job_types is None else list(job_types),
        limited_types=list(limits),
        rooms=[min(each, limit) for each in limits.values()],
    )
    return [_claimed(worker_id, row) for row in found]


def _claimed(worker_id: str, row: tuple[Any, ...]) -> ClaimedJob:
    (
        job_id,
        job_type,
        organization_id,
        payload,
        checkpoint,
        priority,
        run_number,
        attempt,
        max_attempts,
        timeout_seconds,
        lease_expires_at,
        trace_context,
        waited_seconds,
        workflow_run_id,
        step_key,
        inputs,
    ) = row
    # By position: that takes two thirds of the time.
    return _new_job(
        _new_lease(job_id, run_number, attempt, worker_id),
        job_type,
        organization_id,
        parse_json(payload),
        None if checkpoint is None else parse_json(checkpoint),
        priority,
        max_attempts,
        timeout_seconds,
        lease_expires_at,
        waited_seconds,
        None if trace_context is None else parse_json(trace_context),
        None
        if workflow_run_id is None
        else ClaimedStep(
            workflow_run_id, step_key, {} if inputs is None else parse_json(inputs)
        ),
    )
