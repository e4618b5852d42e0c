"""Read dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import check_identifier, check_uuid

from .._operation import operation
from .._paging import check_page_limit
from .._statements import scoped_statement
from .._steps import maybe, rows
from ._records import (
    DeadLetterCursor,
    DeadLetterPage,
    DeadLetterSummary,
    JobDeadLetterRecord,
)

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import Scope

    from .._steps import Steps

GET_DEAD_LETTER = scoped_statement("jobs/get_dead_letter")
LIST_DEAD_LETTERS = scoped_statement("jobs/list_dead_letters")
LIST_DEAD_LETTERS_OF_TYPE = scoped_statement("jobs/list_dead_letters_of_type")


@operation
def get_dead_letter(job_id: UUID, *, scope: Scope) -> Steps[JobDeadLetterRecord | None]:
    """
    Read the dead letter of a job, None when there is none within *scope*.

    A job has at most one, of its last run that died. It stays when the job is requeued:
    ``is_current`` says whether the job is still dead of it.
    """
    read, extra = GET_DEAD_LETTER.within(scope)
    row = yield from maybe(read, job_id=check_uuid(job_id, "job_id"), **extra)
    return None if row is None else JobDeadLetterRecord(**row)


@operation
def list_dead_letters(
    *,
    scope: Scope,
    job_type: str | None = None,
    limit: int = 100,
    cursor: DeadLetterCursor | None = None,
) -> Steps[DeadLetterPage]:
    """
    List dead letters within *scope*, the newest death first, without their snapshots.

    Pass the page's ``next_cursor`` as *cursor* for the next page (limit 1 to 1000).
    Those of requeued jobs are among them, with ``is_current`` False. Reads an index in
    the order of the deaths, whatever the filters.

    Raises:
        QueryError: ``job.invalid_pagination``.
        ValidationError: ``identifier.*`` for a job type that cannot exist.
    """
    check_page_limit(limit)
    values: dict[str, object] = {
        "before_failed_at": None if cursor is None else cursor.failed_at,
        "before_job_id": None if cursor is None else cursor.job_id,
        "limit": limit + 1,  # the one beyond tells whether there is a next page
    }
    if job_type is None:
        read, extra = LIST_DEAD_LETTERS.within(scope)
    else:
        read, extra = LIST_DEAD_LETTERS_OF_TYPE.within(scope)
        values["job_type"] = check_identifier(job_type, "job_type")
    found = yield from rows(read, **values, **extra)
    items = tuple(DeadLetterSummary(**row) for row in found[:limit])
    if len(found) <= limit:
        return DeadLetterPage(items, None)
    return DeadLetterPage(
        items, DeadLetterCursor(items[-1].failed_at, items[-1].job_id)
    )
