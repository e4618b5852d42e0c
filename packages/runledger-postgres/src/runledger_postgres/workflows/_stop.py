"""Cancel all that is left of runs, in a few statements whatever their size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import CODES

from .._statements import statement
from .._steps import Call, batch
from .._waits import bounded
from ._settle_runs import RunDelta

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from .._steps import Steps

LOCK_STEP_JOBS = statement("workflows/lock_step_jobs")
CANCEL_STEP_JOBS = statement("workflows/cancel_step_jobs")
CANCEL_OPEN_STEPS = statement("workflows/cancel_open_steps")


def stop_runs(reasons: Mapping[UUID, str], *, code: str) -> Steps[dict[UUID, RunDelta]]:
    """
    Cancel every step of these runs that has not ended, and its job with it.

    The steps say the run's reason and the error *code*. Jobs that run are canceled as
    `cancel_job` does: their leases end, and the next heartbeat of their workers names
    them as canceled. The caller holds the runs' locks and adds what is returned to
    their counters. Waits at most five seconds for each job that is being claimed or
    renewed.
    """
    runs = {"run_ids": list(reasons)}
    told = {**runs, "reasons": list(reasons.values())}
    error = {"code": code, "message": CODES[code].problem}
    _, _, canceled = yield from bounded(
        batch(
            Call(LOCK_STEP_JOBS, runs),
            Call(CANCEL_STEP_JOBS, told),
            Call(CANCEL_OPEN_STEPS, {**told, **error}),
        )
    )
    return {
        row["workflow_run_id"]: RunDelta(
            ended=row["ended_count"],
            unsuccessful=row["ended_count"],
            enqueued=-row["enqueued_count"],
            waiting=-row["waiting_count"],
        )
        for row in canceled
    }
