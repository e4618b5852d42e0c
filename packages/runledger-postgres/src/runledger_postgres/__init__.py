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
    get_job_by_id,
    heartbeat_jobs,
    list_job_attempts,
    list_job_events,
    list_jobs,
)
from .maintenance import INVARIANTS, BrokenInvariant, Invariant, audit_ledger
from .records import (
    ClaimedJob,
    EnqueueDisposition,
    JobAttemptRecord,
    JobDefinitionRecord,
    JobEnqueueOutcome,
    JobEventRecord,
    JobPage,
    JobRecord,
    JobSummary,
    SettledJob,
)
from .schema import (
    MigrationReport,
    bundled_migrations,
    ensure_schema_compatible_after_idempotency_cutover,
    migrate_after_idempotency_cutover,
)

__all__ = [
    "INVARIANTS",
    "Asyncio",
    "Blocking",
    "BrokenInvariant",
    "ClaimedJob",
    "CommitUnconfirmedError",
    "DatabaseConnectionError",
    "EnqueueDisposition",
    "Invariant",
    "JobAttemptRecord",
    "JobDefinitionRecord",
    "JobEnqueueOutcome",
    "JobEventRecord",
    "JobPage",
    "JobRecord",
    "JobSettlement",
    "JobSummary",
    "MigrationError",
    "MigrationReport",
    "Operation",
    "QueryError",
    "SchemaCompatibilityError",
    "SettleFailure",
    "SettleSuccess",
    "SettledJob",
    "audit_ledger",
    "bundled_migrations",
    "claim_jobs",
    "complete_job_failure",
    "complete_job_success",
    "complete_jobs",
    "count_jobs_by_status",
    "enqueue_job",
    "enqueue_jobs",
    "ensure_schema_compatible_after_idempotency_cutover",
    "get_job_by_id",
    "get_job_definition_by_type",
    "heartbeat_jobs",
    "list_job_attempts",
    "list_job_events",
    "list_jobs",
    "migrate_after_idempotency_cutover",
    "upsert_job_definition",
]
