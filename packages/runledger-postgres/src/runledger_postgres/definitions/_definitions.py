"""Write and read job definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import check_identifier

from .._operation import operation
from .._statements import statement
from .._steps import maybe, one
from ..records import JobDefinitionRecord

if TYPE_CHECKING:
    from runledger_core import JobDefinition

    from .._steps import Steps

UPSERT_JOB_DEFINITION = statement("definitions/upsert_job_definition")
GET_JOB_DEFINITION = statement("definitions/get_job_definition")


@operation
def upsert_job_definition(definition: JobDefinition) -> Steps[JobDefinitionRecord]:
    """
    Write the definition of a job type; all its values are replaced.

    Jobs already enqueued keep what they were enqueued with. A repeat with the same
    values writes nothing. Locks the definition's row and waits for transactions
    that are enqueueing jobs of the type.
    """
    row = yield from one(
        UPSERT_JOB_DEFINITION,
        job_type=definition.job_type,
        version=definition.version,
        max_attempts=definition.max_attempts,
        timeout_seconds=definition.timeout_seconds,
        priority=definition.priority,
        is_enabled=definition.is_enabled,
    )
    return JobDefinitionRecord(**row)


@operation
def get_job_definition_by_type(job_type: str) -> Steps[JobDefinitionRecord | None]:
    """Read the definition of a job type, None when there is none."""
    row = yield from maybe(
        GET_JOB_DEFINITION, job_type=check_identifier(job_type, "job_type")
    )
    return None if row is None else JobDefinitionRecord(**row)
