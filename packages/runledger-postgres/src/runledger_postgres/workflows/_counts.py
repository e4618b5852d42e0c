"""Count runs without reading them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runledger_core import Organization, WorkflowRunStatus, check_identifier

from .._operation import operation
from .._statements import statement
from .._steps import rows
from ..errors import QueryError
from ..jobs._counts import MAX_EXACT
from ..jobs._scope_ranges import globalities
from ..records import CountPrecision, StatusCount

if TYPE_CHECKING:
    from runledger_core import Scope

    from .._steps import Steps

COUNT_RUNS_BY_STATUS = statement("workflows/count_runs_by_status")
COUNT_ORGANIZATION_RUNS_BY_STATUS = statement(
    "workflows/count_organization_runs_by_status"
)


@operation
def count_workflow_runs_by_status(
    *, scope: Scope, workflow_type: str | None = None, exact_up_to: int = 10_000
) -> Steps[dict[WorkflowRunStatus, StatusCount]]:
    """
    Count the runs within *scope* in every status, zero included.

    Up to *exact_up_to* (0 to 1,000,000) a count is exact. Beyond it the counting stops,
    so that it takes the same time whatever the ledger, and the answer is that there are
    at least so many. RUNNING and WAITING_FOR_EXTERNAL count together towards it: if
    there are more of both, both are lower bounds. Locks nothing.

    Raises:
        QueryError: ``job.invalid_count_limit``.
        ValidationError: ``identifier.*`` for a workflow type that cannot exist.
    """
    if not 0 <= exact_up_to <= MAX_EXACT:
        raise QueryError("job.invalid_count_limit")
    if workflow_type is not None:
        check_identifier(workflow_type, "workflow_type")
    values: dict[str, Any] = {"workflow_type": workflow_type, "cap": exact_up_to}
    if isinstance(scope, Organization):
        found = yield from rows(
            COUNT_ORGANIZATION_RUNS_BY_STATUS, organization_id=scope.id, **values
        )
    else:
        found = yield from rows(
            COUNT_RUNS_BY_STATUS, globalities=globalities(scope), **values
        )
    counted = {row["status"]: row for row in found}
    return {
        status: StatusCount(
            counted[status]["run_count"],
            CountPrecision.AT_LEAST
            if counted[status]["is_capped"]
            else CountPrecision.EXACT,
        )
        for status in WorkflowRunStatus
    }
