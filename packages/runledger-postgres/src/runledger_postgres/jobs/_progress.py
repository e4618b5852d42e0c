"""Write down how far a leased job is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runledger_core import check_identifier, check_json, check_whole_number

from .._json_text import json_text, json_text_or_none
from .._operation import operation
from .._statements import statement
from .._steps import maybe
from ..errors import QueryError
from ..records import JobProgress
from ._lease import lease_cells

if TYPE_CHECKING:
    from runledger_core import JsonInput, Lease

    from .._steps import Steps

UPDATE_JOB_PROGRESS = statement("jobs/update_job_progress")

MAX_PROGRESS: Final = 2**63 - 1


@operation(owns_transaction=True)
def update_job_progress(
    lease: Lease,
    *,
    stage: str | None = None,
    progress_done: int | None = None,
    progress_total: int | None = None,
    checkpoint: JsonInput = None,
) -> Steps[JobProgress]:
    """
    Write what the handler reports under a live lease; return what holds now.

    What is left out keeps its stored value, and progress must be valid together with
    that: ``0 <= done <= total``. A stage writes a STAGE_CHANGED event, progress a
    PROGRESS event with the values given here; so does a repeat. Does not renew the
    lease. Locks the job's row, and waits at most five seconds for it.

    Raises:
        QueryError: ``job.lease_owner_mismatch``, ``job.invalid_progress``,
            ``db.transaction_not_owned``.
        ValidationError: ``job.invalid_progress``, ``job.checkpoint_not_json``, and
            ``identifier.*`` for the stage.
    """
    stored = check_json(checkpoint, "job.checkpoint_not_json")
    return (
        yield from _report(
            lease,
            stage=None if stage is None else check_identifier(stage, "stage"),
            progress_done=_checked(progress_done, "progress_done"),
            progress_total=_checked(progress_total, "progress_total"),
            checkpoint=json_text_or_none(stored),
        )
    )


@operation(owns_transaction=True)
def save_checkpoint(lease: Lease, checkpoint: JsonInput) -> Steps[JobProgress]:
    """
    Write from where a later attempt goes on, under a live lease.

    None takes back an earlier checkpoint. Writes no event; a repeat writes the same
    again. Locks the job's row, and waits at most five seconds for it.

    Raises:
        QueryError: ``job.lease_owner_mismatch``, ``db.transaction_not_owned``.
        ValidationError: ``job.checkpoint_not_json``.
    """
    stored = check_json(checkpoint, "job.checkpoint_not_json")
    return (yield from _report(lease, checkpoint=json_text(stored)))


def _report(
    lease: Lease,
    *,
    stage: str | None = None,
    progress_done: int | None = None,
    progress_total: int | None = None,
    checkpoint: str | None = None,
) -> Steps[JobProgress]:
    row = yield from maybe(
        UPDATE_JOB_PROGRESS,
        stage=stage,
        progress_done=progress_done,
        progress_total=progress_total,
        checkpoint=checkpoint,
        **lease_cells(lease),
    )
    if row is None:
        raise QueryError("job.lease_owner_mismatch", internal=f"{lease}")
    if not row["is_progress_valid"]:
        raise QueryError(
            "job.invalid_progress",
            f"together with what is stored it would be {row['progress_done']} of"
            f" {row['progress_total']}",
        )
    return JobProgress(
        stage=row["stage"],
        progress_done=row["progress_done"],
        progress_total=row["progress_total"],
        lease_expires_at=row["lease_expires_at"],
    )


def _checked(value: int | None, field: str) -> int | None:
    if value is None:
        return None
    return check_whole_number(
        value, "job.invalid_progress", minimum=0, maximum=MAX_PROGRESS, field=field
    )
