"""Settings per job type that the application keeps in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import (
    ValidationError,
    check_identifier,
    check_json,
    check_uuid,
    check_whole_number,
)

from .._json_text import json_text
from .._operation import operation
from .._paging import check_page_limit
from .._statements import statement
from .._steps import maybe, one, rows
from .._waits import bounded
from ..errors import QueryError
from ..records import JobRuntimeConfigRecord

if TYPE_CHECKING:
    from uuid import UUID

    from runledger_core import JsonInput

    from .._steps import Steps

UPSERT_JOB_RUNTIME_CONFIG = statement("definitions/upsert_job_runtime_config")
INSERT_JOB_RUNTIME_CONFIG = statement("definitions/insert_job_runtime_config")
GET_JOB_RUNTIME_CONFIG = statement("definitions/get_job_runtime_config")
LIST_JOB_RUNTIME_CONFIGS = statement("definitions/list_job_runtime_configs")


@operation
def upsert_job_runtime_config(
    job_type: str,
    *,
    schema_version: int,
    config: dict[str, JsonInput],
    updated_by_user_id: UUID | None = None,
) -> Steps[JobRuntimeConfigRecord]:
    """
    Store the settings of a job type; nothing in Runledger reads them.

    *schema_version* is the application's and says how to read *config*, a JSON
    object. A repeat with the same values writes nothing. Locks the settings' row.

    Raises:
        QueryError: ``job.definition_not_found``.
        ValidationError: ``job.invalid_runtime_config``, ``identifier.*``.
    """
    values = _values(job_type, schema_version, config, updated_by_user_id)
    row = yield from bounded(maybe(UPSERT_JOB_RUNTIME_CONFIG, **values))
    if row is None:
        row = yield from one(GET_JOB_RUNTIME_CONFIG, job_type=job_type)
    return JobRuntimeConfigRecord(**row)


@operation
def insert_job_runtime_config_if_missing(
    job_type: str,
    *,
    schema_version: int,
    config: dict[str, JsonInput],
    updated_by_user_id: UUID | None = None,
) -> Steps[JobRuntimeConfigRecord]:
    """
    Store the settings of a job type that has none, and return what is stored.

    Errors are those of ``upsert_job_runtime_config``.
    """
    values = _values(job_type, schema_version, config, updated_by_user_id)
    row = yield from bounded(maybe(INSERT_JOB_RUNTIME_CONFIG, **values))
    if row is None:
        row = yield from one(GET_JOB_RUNTIME_CONFIG, job_type=job_type)
    return JobRuntimeConfigRecord(**row)


@operation
def get_job_runtime_config_by_type(
    job_type: str,
) -> Steps[JobRuntimeConfigRecord | None]:
    """Read the settings of a job type, None when there are none."""
    row = yield from maybe(
        GET_JOB_RUNTIME_CONFIG, job_type=check_identifier(job_type, "job_type")
    )
    return None if row is None else JobRuntimeConfigRecord(**row)


@operation
def get_required_job_runtime_config_by_type(
    job_type: str,
) -> Steps[JobRuntimeConfigRecord]:
    """
    Read the settings of a job type that must have some.

    Raises:
        QueryError: ``job.runtime_config_not_found``.
    """
    found = yield from get_job_runtime_config_by_type.steps(job_type)
    if found is None:
        raise QueryError("job.runtime_config_not_found", f"job type {job_type!r}")
    return found


@operation
def list_job_runtime_configs(
    *, limit: int = 100, after_job_type: str | None = None
) -> Steps[list[JobRuntimeConfigRecord]]:
    """
    List the settings of job types in the order of their names.

    Pass the last one's type as *after_job_type* for the next page (limit 1 to 1000).

    Raises:
        QueryError: ``job.invalid_pagination``.
    """
    found = yield from rows(
        LIST_JOB_RUNTIME_CONFIGS,
        after_job_type=after_job_type,
        limit=check_page_limit(limit),
    )
    return [JobRuntimeConfigRecord(**row) for row in found]


def _values(
    job_type: str,
    schema_version: int,
    config: dict[str, JsonInput],
    updated_by_user_id: UUID | None,
) -> dict[str, object]:
    code = "job.invalid_runtime_config"
    checked = check_json(config, code)
    if not isinstance(checked, dict):
        raise ValidationError(code, "it is not an object")
    return {
        "job_type": check_identifier(job_type, "job_type"),
        "schema_version": check_whole_number(
            schema_version, code, minimum=1, field="schema_version"
        ),
        "config": json_text(checked),
        "updated_by_user_id": None
        if updated_by_user_id is None
        else check_uuid(updated_by_user_id, "updated_by_user_id"),
    }
