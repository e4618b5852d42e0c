"""Read runs and their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from runledger_core import (
    EVERYTHING,
    Organization,
    WorkflowRunStatus,
    WorkflowStepStatus,
    check_identifier,
    check_uuid,
)

from .._operation import operation
from .._paging import check_page_limit
from .._statements import scoped_statement, statement
from .._steps import maybe, rows
from ..errors import QueryError
from ..jobs._scope_ranges import globalities
from ._records import (
    WorkflowRunPage,
    WorkflowRunRecord,
    WorkflowRunSummary,
    WorkflowStepPage,
    WorkflowStepRecord,
)

if TYPE_CHECKING:
    from runledger_core import Scope

    from .._statements import Statement
    from .._steps import Steps

GET_RUN = scoped_statement("workflows/get_run")
READ_RUN = GET_RUN.variants["everything"]
GET_KEYED_RUN = scoped_statement("workflows/get_keyed_run")
GET_STEP = scoped_statement("workflows/get_step")
GET_STEP_OF_JOB = scoped_statement("workflows/get_step_of_job")
LIST_ORGANIZATION_RUNS = statement("workflows/list_organization_runs")
LIST_RECENT_RUNS = statement("workflows/list_recent_runs")
LIST_RUNS = statement("workflows/list_runs")
LIST_STEPS = scoped_statement("workflows/list_steps")

BEFORE_ALL_IDS: Final = UUID(int=0)
BEYOND_ALL_IDS: Final = UUID(int=2**128 - 1)


@operation
def get_workflow_run(run_id: UUID, *, scope: Scope) -> Steps[WorkflowRunRecord | None]:
    """Read one run, None when there is none within *scope*. Locks nothing."""
    chosen, extra = GET_RUN.within(scope)
    row = yield from maybe(chosen, run_id=run_id, **extra)
    return None if row is None else WorkflowRunRecord(**row)


@operation
def get_workflow_run_by_idempotency_key(
    workflow_type: str, idempotency_key: str, *, scope: Scope
) -> Steps[WorkflowRunRecord | None]:
    """
    Read the run that owns a key, None when nobody owns it.

    Keys belong to a workflow type, and to an organization or to none, so *scope* must
    be GLOBAL or an organization. Locks nothing.

    Raises:
        QueryError: ``job.key_scope_ambiguous`` for EVERYTHING.
        ValidationError: ``identifier.*`` for what cannot be a workflow type or a key.
    """
    check_identifier(workflow_type, "workflow_type")
    check_identifier(idempotency_key, "idempotency_key")
    if scope == EVERYTHING:
        raise QueryError("job.key_scope_ambiguous")
    chosen, extra = GET_KEYED_RUN.within(scope)
    row = yield from maybe(
        chosen, workflow_type=workflow_type, idempotency_key=idempotency_key, **extra
    )
    return None if row is None else WorkflowRunRecord(**row)


@operation
def get_workflow_step(
    run_id: UUID, step_key: str, *, scope: Scope
) -> Steps[WorkflowStepRecord | None]:
    """
    Read one step of a run, None when there is none within *scope*, which is the run's.

    Locks nothing.

    Raises:
        ValidationError: ``identifier.*`` for what cannot be a step's key.
    """
    chosen, extra = GET_STEP.within(scope)
    row = yield from maybe(
        chosen,
        run_id=run_id,
        step_key=check_identifier(step_key, "step_key"),
        **extra,
    )
    return None if row is None else WorkflowStepRecord(**row)


@operation
def get_workflow_step_by_job_id(
    job_id: UUID, *, scope: Scope
) -> Steps[WorkflowStepRecord | None]:
    """
    Read the step that a job does; it names the run.

    None when the job belongs to no workflow, or its run is not within *scope*, which
    is the run's. Locks nothing.

    Raises:
        ValidationError: ``identifier.invalid_uuid``.
    """
    chosen, extra = GET_STEP_OF_JOB.within(scope)
    row = yield from maybe(chosen, job_id=check_uuid(job_id, "job_id"), **extra)
    return None if row is None else WorkflowStepRecord(**row)


@operation
def list_workflow_runs(
    *,
    scope: Scope,
    status: WorkflowRunStatus | None = None,
    workflow_type: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Steps[WorkflowRunPage]:
    """
    List runs within *scope*, the newest first, without metadata and results.

    The filters add up. What is read is bounded by the page and the number of workflow
    types, not by the ledger; only the runs that have not ended share an index, whatever
    their status. Pass the page's ``next_cursor`` as *cursor* for the next one (limit 1
    to 1000). Runs enqueued meanwhile do not shift the pages. Locks nothing.

    Raises:
        QueryError: ``job.invalid_pagination``.
        ValidationError: ``identifier.*`` for a type that cannot exist.
    """
    check_page_limit(limit)
    if workflow_type is not None:
        check_identifier(workflow_type, "workflow_type")
    wanted = list(WorkflowRunStatus) if status is None else [WorkflowRunStatus(status)]
    is_filtered = status is not None or workflow_type is not None
    chosen, extra = _listing(scope, is_filtered=is_filtered)
    found = yield from rows(
        chosen,
        unfinished_statuses=[one.value for one in wanted if not one.is_terminal],
        ended_statuses=[one.value for one in wanted if one.is_terminal],
        workflow_type=workflow_type,
        before_id=_id_of(cursor, BEYOND_ALL_IDS),
        limit=limit + 1,  # the one beyond tells whether there is a next page
        **extra,
    )
    items = tuple(WorkflowRunSummary(**row) for row in found[:limit])
    return WorkflowRunPage(items, items[-1].id.hex if len(found) > limit else None)


@operation
def list_workflow_steps(
    run_id: UUID,
    *,
    scope: Scope,
    status: WorkflowStepStatus | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Steps[WorkflowStepPage]:
    """
    List the steps of a run in the order of their insertion.

    Pass the page's ``next_cursor`` as *cursor* for the next one (limit 1 to 1000). A
    run outside *scope* has no steps. Locks nothing.

    Raises:
        QueryError: ``job.invalid_pagination``.
    """
    check_page_limit(limit)
    chosen, extra = LIST_STEPS.within(scope)
    found = yield from rows(
        chosen,
        run_id=run_id,
        status=None if status is None else WorkflowStepStatus(status).value,
        after_id=_id_of(cursor, BEFORE_ALL_IDS),
        limit=limit + 1,
        **extra,
    )
    items = tuple(WorkflowStepRecord(**row) for row in found[:limit])
    return WorkflowStepPage(items, items[-1].id.hex if len(found) > limit else None)


def _listing(scope: Scope, *, is_filtered: bool) -> tuple[Statement, dict[str, Any]]:
    """Choose the statement whose indexes fit."""
    if isinstance(scope, Organization):
        return LIST_ORGANIZATION_RUNS, {"organization_id": scope.id}
    if scope == EVERYTHING and not is_filtered:
        return LIST_RECENT_RUNS, {}
    return LIST_RUNS, {"globalities": globalities(scope)}


def _id_of(cursor: str | None, start: UUID) -> UUID:
    if cursor is None:
        return start
    try:
        return UUID(hex=cursor)
    except (AttributeError, TypeError, ValueError):
        raise QueryError("job.invalid_pagination") from None
