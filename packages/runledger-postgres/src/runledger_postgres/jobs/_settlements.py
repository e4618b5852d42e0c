"""How attempts end: what the operations that complete jobs are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from runledger_core import JobCompletion, JobFailure, Lease, RetryPolicy

if TYPE_CHECKING:
    from runledger_core import RetryDelay

DEFAULT_RETRY: Final = RetryPolicy()


@attrs.frozen
class SettleSuccess:
    """
    The attempt succeeded.

    Args:
        lease: which attempt.
        completion: its output, if there is any, and its last progress.
        is_step: whether the job is known to be a step of a workflow, as its claim
            says. The ledger finds that out by itself; to say so spares it a question.
    """

    lease: Lease
    completion: JobCompletion = attrs.field(factory=JobCompletion)
    is_step: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class SettleFailure:
    """
    The attempt failed.

    Args:
        lease: which attempt.
        failure: how.
        retry: how long to wait before the next attempt, if there is one.
    """

    lease: Lease
    failure: JobFailure
    retry: RetryDelay = DEFAULT_RETRY


JobSettlement: TypeAlias = SettleSuccess | SettleFailure
