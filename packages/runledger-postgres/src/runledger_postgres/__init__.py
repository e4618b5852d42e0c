"""
Every SQL statement and every state change of Runledger, for psycopg 3.

An operation takes a psycopg connection or pool first. Blocking ones give a result,
asyncio ones a coroutine; a pool means a transaction of its own, a connection joins
the caller's.
"""

from ._drive_asyncio import Asyncio
from ._drive_blocking import Blocking
from ._operation import Operation
from .definitions import get_job_definition_by_type, upsert_job_definition
from .errors import (
    CommitUnconfirmedError,
    DatabaseConnectionError,
    MigrationError,
    QueryError,
    SchemaCompatibilityError,
)
from .jobs import (
    ExplanationReason,
    JobExplanation,
    JobSettlement,
    SettleFailure,
    SettleSuccess,
    claim_jobs,
    complete_job_failure,
    complete_job_success,
    complete_jobs,
    count_jobs_by_status,
    enqueue_job,
    enqueue_jobs,
    explain_job,
    get_job_by_id,
    get_job_payload_by_idempotency_key,
    heartbeat_jobs,
    list_job_attempts,
    list_job_events,
    list_jobs,
)
from .records import (
    ClaimedJob,
    CountPrecision,
    EnqueueDisposition,
    JobAttemptRecord,
    JobDefinitionRecord,
    JobEnqueueOutcome,
    JobEventRecord,
    JobPage,
    JobRecord,
    JobSummary,
    KeyedJobPayload,
    SettledJob,
    StatusCount,
)
from .schema import (
    MigrationReport,
    bundled_migrations,
    ensure_schema_compatible_after_idempotency_cutover,
    migrate_after_idempotency_cutover,
)

__all__ = [
    "Asyncio",
    "Blocking",
    "ClaimedJob",
    "CommitUnconfirmedError",
    "CountPrecision",
    "DatabaseConnectionError",
    "EnqueueDisposition",
    "ExplanationReason",
    "JobAttemptRecord",
    "JobDefinitionRecord",
    "JobEnqueueOutcome",
    "JobEventRecord",
    "JobExplanation",
    "JobPage",
    "JobRecord",
    "JobSettlement",
    "JobSummary",
    "KeyedJobPayload",
    "MigrationError",
    "MigrationReport",
    "Operation",
    "QueryError",
    "SchemaCompatibilityError",
    "SettleFailure",
    "SettleSuccess",
    "SettledJob",
    "StatusCount",
    "bundled_migrations",
    "claim_jobs",
    "complete_job_failure",
    "complete_job_success",
    "complete_jobs",
    "count_jobs_by_status",
    "enqueue_job",
    "enqueue_jobs",
    "ensure_schema_compatible_after_idempotency_cutover",
    "explain_job",
    "get_job_by_id",
    "get_job_definition_by_type",
    "get_job_payload_by_idempotency_key",
    "heartbeat_jobs",
    "list_job_attempts",
    "list_job_events",
    "list_jobs",
    "migrate_after_idempotency_cutover",
    "upsert_job_definition",
]
