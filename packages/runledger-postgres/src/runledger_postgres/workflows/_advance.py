"""Take steps where they go when they wait for nothing any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runledger_core import CODES

from .._array_text import array_text, uuid_array
from .._statements import statement
from .._steps import rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from .._steps import Rows, Steps

ADVANCE_STEPS = statement("workflows/advance_steps")

UNSATISFIED: Final = "workflow.dependency_unsatisfied"


def advance_steps(
    *,
    succeeded: Sequence[UUID] = (),
    unsuccessful: Sequence[UUID] = (),
    ready: Sequence[UUID] = (),
) -> Steps[Rows]:
    """
    Release or cancel what waited for the steps that have ended, all in one statement.

    So it does with steps of which the caller knows that they are *ready*: blocked, and
    waiting for nothing. Returns for each run how many jobs were enqueued and how many
    gates opened, and the ids of the steps that were canceled: these have ended, too,
    and their dependents are still to be told.

    The caller holds the locks of the runs, which have not ended, and adds what is
    returned to their counters.
    """
    if not (succeeded or unsuccessful or ready):
        return ()
    return (
        yield from rows(
            ADVANCE_STEPS,
            ended_ids=uuid_array([*succeeded, *unsuccessful]),
            successes=array_text([True] * len(succeeded) + [False] * len(unsuccessful)),
            ready_ids=uuid_array(ready),
            code=UNSATISFIED,
            message=CODES[UNSATISFIED].problem,
        )
    )
