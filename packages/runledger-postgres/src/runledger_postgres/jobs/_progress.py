"""Write down how far a leased job is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from runledger_core import Lease, check_identifier, check_json, check_whole_number

from .._json_text import json_text, json_text_or_none
from .._operation import operation
from .._statements import statement
from .._steps import maybe, rows
from ..errors import QueryError
from ..records import JobProgress
from ._lease import lease_cells, lease_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runledger_core import JsonInput, JsonValue

    from .._steps import Row, Steps

REPORT_PROGRESS = statement("jobs/report_progress")
UPDATE_JOB_PROGRESS = statement("jobs/update_job_progress")

MAX_PROGRESS: Final = 2**63 - 1


def _stage(value: str | None) -> str | None:
    return None if value is None else check_identifier(value, "stage")


def _done(value: int | None) -> int | None:
    return _checked(value, "progress_done")


def _total(value: int | None) -> int | None:
    return _checked(value, "progress_total")


def _checkpoint(value: JsonInput) -> JsonValue:
    return check_json(value, "job.checkpoint_not_json")


@attrs.frozen
class Checkpoint:
    """
    From where a later attempt goes on; None takes back an earlier checkpoint.

    Raises:
        ValidationError: ``job.checkpoint_not_json``.
    """

    value: JsonValue = attrs.field(converter=_checkpoint, repr=False, hash=False)


@attrs.frozen
class ProgressReport:
    """
    What a handler reports under *lease*; what is left out keeps its stored value.

    Raises:
        ValidationError: ``job.invalid_progress``, and ``identifier.*`` for the stage.
    """

    lease: Lease
    stage: str | None = attrs.field(default=None, converter=_stage, kw_only=True)
    progress_done: int | None = attrs.field(default=None, converter=_done, kw_only=True)
    progress_total: int | None = attrs.field(
        default=None, converter=_total, kw_only=True
    )
    checkpoint: Checkpoint | None = attrs.field(default=None, kw_only=True)

    @property
    def checkpoint_text(self) -> str | None:
        """The checkpoint as the statement takes it, None if there is none."""
        return None if self.checkpoint is None else json_text(self.checkpoint.value)


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


@operation(owns_transaction=True)
def report_progress(
    reports: Sequence[ProgressReport],
) -> Steps[list[JobProgress | QueryError]]:
    """
    Write what many handlers report, in one transaction, with a result for each.

    A result is what holds now, or why that report was left alone:
    ``job.lease_owner_mismatch``, ``job.invalid_progress``, or ``job.busy`` when
    somebody else holds the job at the moment, so that it may be repeated. Of a job that
    comes twice only the first report counts; the other is busy. Each report does what
    ``update_job_progress`` does; locks the jobs' rows and waits for none.

    Raises:
        QueryError: ``db.transaction_not_owned``.
    """
    if not reports:
        return []
    answers = yield from rows(
        REPORT_PROGRESS,
        stages=[report.stage for report in reports],
        progress_done=[report.progress_done for report in reports],
        progress_total=[report.progress_total for report in reports],
        checkpoints=[report.checkpoint_text for report in reports],
        **lease_columns([report.lease for report in reports]),
    )
    results: list[JobProgress | QueryError] = [
        QueryError("job.lease_owner_mismatch", internal=f"{report.lease}")
        for report in reports
    ]
    for answer in answers:
        results[answer["position"] - 1] = _answered(answer)
    return results


def _answered(row: Row) -> JobProgress | QueryError:
    match row["answer"]:
        case "written":
            return _progress(row)
        case "invalid":
            return _invalid_progress(row)
        case _:
            return QueryError("job.busy", sqlstate="55P03")


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
        raise _invalid_progress(row)
    return _progress(row)


def _invalid_progress(row: Row) -> QueryError:
    return QueryError(
        "job.invalid_progress",
        f"together with what is stored it would be {row['progress_done']} of"
        f" {row['progress_total']}",
    )


def _progress(row: Row) -> JobProgress:
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
