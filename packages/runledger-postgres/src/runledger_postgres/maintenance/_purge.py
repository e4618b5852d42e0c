"""Delete what ended long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs

from .._operation import operation
from .._statements import statement
from .._steps import Call, batch
from ..errors import QueryError

if TYPE_CHECKING:
    from .._steps import Row, Steps

PURGE_JOBS = statement("maintenance/purge_jobs")
PURGE_RUNS = statement("maintenance/purge_runs")
MAX_PURGE_LIMIT: Final = 10_000


@attrs.frozen
class PurgeReport:
    """
    What one batch deleted, and where the next one begins (None after the last).

    ``deleted_jobs`` counts the jobs of the deleted runs too.
    """

    deleted_jobs: int
    deleted_runs: int
    next_cursor: str | None


@operation(owns_transaction=True)
def purge_ended(
    *,
    older_than: timedelta,
    limit: int = 1000,
    keep_keyed: bool = True,
    cursor: str | None = None,
) -> Steps[PurgeReport]:
    """
    Delete jobs and workflow runs that ended more than *older_than* ago, one batch.

    Events, attempts, logs, dead letters, steps and edges go with them. What has an
    idempotency key stays, because a repeat of its request would run again; with
    ``keep_keyed=False`` it goes too, and its key is free. The key of a schedule's job
    protects nothing that is over, so such a job always goes. A job of a workflow goes
    with its run, and a run goes whole.

    A batch looks at *limit* jobs and at runs with about *limit* steps (1 to 10,000),
    the longest ended first, and may delete fewer. Call again with the report's
    ``next_cursor`` until that is None. Locks the rows that it deletes, steps over
    rows that others hold, and blocks no claim. A repeat finds the next rows.

    Raises:
        QueryError: ``retention.invalid_age``, ``retention.invalid_limit``,
            ``retention.invalid_cursor``, ``db.transaction_not_owned``.
    """
    if older_than < timedelta(0):
        raise QueryError("retention.invalid_age")
    if not 1 <= limit <= MAX_PURGE_LIMIT:
        raise QueryError("retention.invalid_limit")
    place = _Place() if cursor is None else _Place.parse(cursor)
    common = {
        "older_than_seconds": older_than.total_seconds(),
        "limit": limit,
        "keep_keyed": keep_keyed,
    }
    (runs,), (jobs,) = yield from batch(
        Call(PURGE_RUNS, {**common, **place.runs.columns()}),
        Call(PURGE_JOBS, {**common, **place.jobs.columns()}),
    )
    is_done = runs["examined_count"] == 0 and jobs["examined_count"] < limit
    return PurgeReport(
        deleted_jobs=jobs["deleted_count"] + runs["deleted_job_count"],
        deleted_runs=runs["deleted_count"],
        next_cursor=None if is_done else str(place.after(runs, jobs)),
    )


_BEFORE_ALL_TIMES: Final = datetime.min.replace(tzinfo=UTC)
_BEFORE_ALL_IDS: Final = UUID(int=0)


@attrs.frozen
class _Mark:
    """The last row that was looked at, in the order of retention."""

    finished_at: datetime = _BEFORE_ALL_TIMES
    id: UUID = _BEFORE_ALL_IDS

    def columns(self) -> dict[str, object]:
        return {"after_finished_at": self.finished_at, "after_id": self.id}

    def after(self, row: Row) -> _Mark:
        if row["last_id"] is None:
            return self
        return _Mark(row["last_finished_at"], row["last_id"])

    def __str__(self) -> str:
        return f"{self.finished_at.astimezone(UTC).isoformat()}~{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> _Mark:
        moment, _, row_id = text.partition("~")
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None:
            raise ValueError("a mark is a point in time")
        return cls(at, UUID(hex=row_id))


@attrs.frozen
class _Place:
    """How far a purge came, in both tables."""

    runs: _Mark = _Mark()
    jobs: _Mark = _Mark()

    def after(self, runs: Row, jobs: Row) -> _Place:
        return _Place(self.runs.after(runs), self.jobs.after(jobs))

    def __str__(self) -> str:
        return f"{self.runs}!{self.jobs}"

    @classmethod
    def parse(cls, text: str) -> _Place:
        try:
            runs, jobs = text.split("!")
            return cls(_Mark.parse(runs), _Mark.parse(jobs))
        except (AttributeError, ValueError):
            raise QueryError("retention.invalid_cursor") from None
