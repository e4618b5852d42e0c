"""What the application says about its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import (
    check_identifier,
    check_json,
    check_text,
    check_uuid,
    check_whole_number,
)

from .._json_text import json_text
from .._operation import operation
from .._paging import check_page_limit
from .._statements import scoped_statement, statement
from .._steps import one, rows
from ._records import JobLogRecord

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import JsonInput, Scope

    from .._steps import Steps

INSERT_JOB_LOG = statement("jobs/insert_job_log")
LIST_JOB_LOGS = scoped_statement("jobs/list_job_logs")


@operation
def insert_job_log(
    job_id: UUID,
    *,
    run_number: int,
    level: str,
    message: str,
    attempt: int | None = None,
    payload: JsonInput = None,
) -> Steps[JobLogRecord]:
    """
    Add a line to a job's log, which is the application's: the library only stores it.

    *level* is any identifier, such as ``info``; *payload* any JSON value, an empty
    object when left out. Works whatever the job's status, and needs no lease. A repeat
    adds another line. Waits for nothing but the deletion of the job.

    Raises:
        QueryError: ``job.not_found``.
        ValidationError: ``job.invalid_log``, ``identifier.*``.
    """
    code = "job.invalid_log"
    row = yield from one(
        INSERT_JOB_LOG,
        job_id=check_uuid(job_id, "job_id"),
        run_number=check_whole_number(run_number, code, minimum=1, field="run_number"),
        attempt=None
        if attempt is None
        else check_whole_number(attempt, code, minimum=0, field="attempt"),
        level=check_identifier(level, "level"),
        message=check_text(message, code),
        payload=json_text({} if payload is None else check_json(payload, code)),
    )
    return JobLogRecord(**row)


@operation
def list_job_logs(
    job_id: UUID, *, scope: Scope, limit: int = 100, after_id: int | None = None
) -> Steps[list[JobLogRecord]]:
    """
    List a job's log over all its runs, oldest first.

    Pass the last line's id as *after_id* for the next page (limit 1 to 1000). A job
    outside *scope* has none.

    Raises:
        QueryError: ``job.invalid_pagination``.
    """
    read, extra = LIST_JOB_LOGS.within(scope)
    found = yield from rows(
        read,
        job_id=check_uuid(job_id, "job_id"),
        limit=check_page_limit(limit),
        after_id=after_id,
        **extra,
    )
    return [JobLogRecord(**row) for row in found]
