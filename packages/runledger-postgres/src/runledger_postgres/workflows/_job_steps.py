"""End the steps whose jobs have ended, and let their runs go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runledger_core import WorkflowStepStatus, fast_constructor

from .._array_text import uuid_array
from .._statements import statement
from .._steps import tuples
from ..errors import QueryError
from ._propagate import EndedStep, propagate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from .._steps import Steps

END_JOB_STEPS = statement("workflows/end_job_steps")

_STATUSES: Final = {status.value: status for status in WorkflowStepStatus}
_new_end: Final = fast_constructor(EndedStep)


def end_job_steps(job_ids: Sequence[UUID]) -> Steps[None]:
    """
    Carry the end of these jobs over to their steps and to all that waits for those.

    The caller holds the locks of their runs and has ended the jobs before, in the same
    transaction. Costs nothing when there are none.

    Raises:
        QueryError: ``workflow.terminal_completion_unsupported_isolation``: outside
            READ COMMITTED the steps could be read as they were before the wait for
            their run.
    """
    if not job_ids:
        return
    ended = yield from tuples(END_JOB_STEPS, job_ids=uuid_array(job_ids))
    if not all(is_read_committed for *_, is_read_committed in ended):
        raise QueryError("workflow.terminal_completion_unsupported_isolation")
    yield from propagate(
        [
            _new_end(step_id, run_id, _STATUSES[status], WorkflowStepStatus.ENQUEUED)
            for step_id, run_id, status, _ in ended
        ]
    )
