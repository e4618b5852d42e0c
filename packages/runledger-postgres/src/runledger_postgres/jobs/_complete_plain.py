"""End jobs that have all succeeded and say nothing but their outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeGuard

from runledger_core import JobStatus, fast_constructor

from .._array_text import text_column
from .._json_text import json_text_or_none
from .._statements import skipping_statement, statement
from .._steps import committed_tuples, tuples
from ..records import SettledJob
from ..workflows._job_steps import end_job_steps
from ._lease import lease_columns
from ._settlements import SettleSuccess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from .._steps import Steps
    from ..errors import QueryError
    from ._settlements import JobSettlement

COMPLETE_JOBS_PLAIN = statement("jobs/complete_jobs_plain")
COMPLETE_FREE_JOBS_PLAIN = skipping_statement("jobs/complete_jobs_plain")

_new_settled: Final = fast_constructor(SettledJob)


def are_plain(
    settlements: Sequence[JobSettlement],
) -> TypeGuard[Sequence[SettleSuccess]]:
    """Tell whether each is a success without progress or a checkpoint."""
    return all(
        isinstance(settlement, SettleSuccess) and settlement.completion.is_output_only
        for settlement in settlements
    )


def complete_plain_jobs(
    settlements: Sequence[SettleSuccess], *, skip_locked: bool
) -> Steps[list[SettledJob | QueryError | None]]:
    """
    End them and their steps, each with its result, or with None where it was not held.

    Jobs that are no steps end by one statement that commits by itself.
    """
    complete = COMPLETE_FREE_JOBS_PLAIN if skip_locked else COMPLETE_JOBS_PLAIN
    columns = plain_columns(settlements)
    has_steps = any(each.is_step for each in settlements)
    answers: Sequence[tuple[Any, ...]] = ()
    if not has_steps:
        answers = yield from committed_tuples(complete, ends_steps=False, **columns)
        has_steps = any(is_step for _, is_step in answers)
    if has_steps:
        answers = yield from tuples(complete, ends_steps=True, **columns)
    results: list[SettledJob | QueryError | None] = [None] * len(settlements)
    ended_steps: list[UUID] = []
    for position, is_step in answers:
        lease = settlements[position - 1].lease
        results[position - 1] = _new_settled(lease, JobStatus.SUCCEEDED)
        if is_step:
            ended_steps.append(lease.job_id)
    yield from end_job_steps(ended_steps)
    return results


def plain_columns(settlements: Sequence[SettleSuccess]) -> Mapping[str, str]:
    """Turn the settlements on their side: the statement takes an array a column."""
    outputs = [json_text_or_none(each.completion.output) for each in settlements]
    return {
        **lease_columns([each.lease for each in settlements]),
        "outputs": text_column(outputs),
    }
