"""What the application says about its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID  # noqa: TC003  attrs resolves these at run time

import attrs

from runledger_core import (
    JsonValue,
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
    from collections.abc import Sequence

    from runledger_core import JsonInput, Scope

    from .._steps import Steps

INSERT_JOB_LOG = statement("jobs/insert_job_log")
INSERT_JOB_LOGS = statement("jobs/insert_job_logs")
LIST_JOB_LOGS = scoped_statement("jobs/list_job_logs")

_CODE = "job.invalid_log"


def _run_number(value: int) -> int:
    return check_whole_number(value, _CODE, minimum=1, field="run_number")


def _attempt(value: int) -> int:
    return check_whole_number(value, _CODE, minimum=0, field="attempt")


def _level(value: str) -> str:
    return check_identifier(value, "level")


def _message(value: str) -> str:
    return check_text(value, _CODE)


def _payload(value: JsonInput) -> JsonValue:
    return check_json(value, _CODE)


def _age_ms(value: int) -> int:
    return check_whole_number(value, _CODE, minimum=0, field="age_ms")


@attrs.frozen(kw_only=True)
class JobLogLine:
    """
    A line for a job's log, and how long ago it was said.

    The age is measured by whoever heard it, on a clock of its own, so that the log has
    the database's time whatever that clock says.

    Raises:
        ValidationError: ``job.invalid_log``, ``identifier.*``.
    """

    job_id: UUID
    run_number: int = attrs.field(converter=_run_number)
    attempt: int = attrs.field(converter=_attempt)
    level: str = attrs.field(converter=_level)
    message: str = attrs.field(converter=_message, repr=False)
    payload: JsonValue = attrs.field(factory=dict, converter=_payload, repr=False)
    age_ms: int = attrs.field(default=0, converter=_age_ms)


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
    row = yield from one(
        INSERT_JOB_LOG,
        job_id=check_uuid(job_id, "job_id"),
        run_number=_run_number(run_number),
        attempt=None if attempt is None else _attempt(attempt),
        level=_level(level),
        message=_message(message),
        payload=json_text({} if payload is None else _payload(payload)),
    )
    return JobLogRecord(**row)


@operation
def insert_job_logs(lines: Sequence[JobLogLine]) -> Steps[int]:
    """
    Add many lines to the logs of jobs, in their order; return how many were added.

    Lines about jobs that are not there are left out. Otherwise as `insert_job_log`,
    but it waits for nothing, not even a job's deletion.
    """
    if not lines:
        return 0
    row = yield from one(
        INSERT_JOB_LOGS,
        job_ids=[line.job_id for line in lines],
        run_numbers=[line.run_number for line in lines],
        attempts=[line.attempt for line in lines],
        levels=[line.level for line in lines],
        messages=[line.message for line in lines],
        payloads=[json_text(line.payload) for line in lines],
        ages_ms=[line.age_ms for line in lines],
    )
    inserted_count: int = row["inserted_count"]
    return inserted_count


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
