"""Release steps that wait for nothing any more."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - attrs resolves these at run time
from typing import TYPE_CHECKING
from uuid import UUID  # noqa: TC003

import attrs

from .._statements import statement
from .._steps import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._steps import Steps

RELEASE_STEPS = statement("workflows/release_steps")


@attrs.frozen
class Released:
    """How many job steps were enqueued and how many gates opened, run by run."""

    enqueued: Mapping[UUID, int] = attrs.field(factory=dict)
    waiting: Mapping[UUID, int] = attrs.field(factory=dict)


def release_steps(step_ids: Sequence[UUID]) -> Steps[Released]:
    """
    Enqueue the jobs of these steps and open these gates, all in one statement.

    The caller holds the locks of their runs, which have not ended, and adds what is
    returned to the runs' counters. Steps that are not blocked, or that still wait for
    something, are left alone.
    """
    if not step_ids:
        return Released()
    found = yield from rows(RELEASE_STEPS, step_ids=list(step_ids))
    return Released(
        enqueued={
            row["workflow_run_id"]: row["enqueued_count"]
            for row in found
            if row["enqueued_count"]
        },
        waiting={
            row["workflow_run_id"]: row["waiting_count"]
            for row in found
            if row["waiting_count"]
        },
    )
