"""End jobs that have all succeeded and say nothing but their outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeGuard

from runledger_core import JobStatus, fast_constructor

from .._array_text import text_column
from .._json_text import json_text_or_none
from .._statements import skipping_statement, statement
from .._steps import committed_tuples
from ..records import SettledJob
from ._lease import lease_columns
from ._settlements import SettleSuccess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
) -> Steps[list[SettledJob | QueryError | None] | None]:
    """
    End them, each with its result, or with None where the lease was not to be had.

    Or do nothing and return None, because one of them is the job of a workflow's step.
    """
    complete = COMPLETE_FREE_JOBS_PLAIN if skip_locked else COMPLETE_JOBS_PLAIN
    answers = yield from committed_tuples(complete, **plain_columns(settlements))
    if any(has_steps for _, has_steps in answers):
        return None
    results: list[SettledJob | QueryError | None] = [None] * len(settlements)
    for position, _ in answers:
        index = position - 1
        results[index] = _new_settled(settlements[index].lease, JobStatus.SUCCEEDED)
    return results


def plain_columns(settlements: Sequence[SettleSuccess]) -> Mapping[str, str]:
    """Turn the settlements on their side: the statement takes an array a column."""
    outputs = [json_text_or_none(each.completion.output) for each in settlements]
    return {
        **lease_columns([each.lease for each in settlements]),
        "outputs": text_column(outputs),
    }
