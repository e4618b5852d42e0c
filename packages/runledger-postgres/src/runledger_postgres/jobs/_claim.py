"""Lease due jobs to a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from runledger_core import Lease, check_identifier, fast_constructor

from .._json_text import parse_json
from .._operation import operation
from .._statements import spanned_statement, statement
from .._steps import committed_tuples
from ..errors import QueryError
from ..records import ClaimedJob, ClaimedStep
from ._fronts import NO_SPANS
from ._lease import check_lease_seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from .._steps import Steps
    from ._fronts import QueueFronts

CLAIM_JOBS = statement("jobs/claim_jobs")
CLAIM_SPANNED_JOBS = spanned_statement("jobs/claim_jobs")
MAX_CLAIM_LIMIT: Final = 1000

_new_job: Final = fast_constructor(ClaimedJob)
_new_lease: Final = fast_constructor(Lease)
_new_step: Final = fast_constructor(ClaimedStep)


@operation(owns_transaction=True)
def claim_jobs(
    *,
    worker_id: str,
    lease_seconds: int,
    limit: int,
    job_types: Collection[str] | None = None,
    type_limits: Mapping[str, int] | None = None,
    fronts: QueueFronts | None = None,
) -> Steps[list[ClaimedJob]]:
    """
    Lease up to *limit* due jobs to *worker_id* for *lease_seconds*.

    Highest priority first, then by due time, then by age; *job_types* restricts the
    claim, and an empty one claims nothing; of a type in *type_limits* no more than that
    many are claimed. Each claimed job gets its next attempt,
    a LEASED event and the stage ``running``: claim only what you start at once.
    A job that is a step of a workflow comes with the outputs that it asked for.
    A repeat claims other jobs. Takes row locks and steps over rows that others hold.
    With *fronts* and *job_types* it begins where those say, and moves them on.

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
    chosen, spans = CLAIM_JOBS, NO_SPANS
    if fronts is not None and job_types is not None:
        chosen, spans = CLAIM_SPANNED_JOBS, fronts.spans(job_types)
    found = yield from committed_tuples(
        chosen,
        worker_id=worker_id,
        lease_seconds=lease_seconds,
        limit=limit,
        job_types=None if job_types is None else list(job_types),
        limited_types=list(limits),
        rooms=[min(each, limit) for each in limits.values()],
        **spans,
    )
    claimed = [_claimed(worker_id, row) for row in found]
    if fronts is not None:
        fronts.move_on(_first_of_each_level(claimed, lease_seconds))
    return claimed


def _first_of_each_level(
    claimed: Iterable[ClaimedJob], lease_seconds: int
) -> Iterator[tuple[str, int, datetime]]:
    """Say when each level's first job was due: they come in the order of the queue."""
    seen: set[tuple[str, int]] = set()
    for job in claimed:
        level = (job.job_type, job.priority)
        if level not in seen:
            seen.add(level)
            age = timedelta(seconds=lease_seconds + job.waited_seconds)
            yield *level, job.lease_expires_at - age


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
        else _new_step(
            workflow_run_id, step_key, {} if inputs is None else parse_json(inputs)
        ),
    )
