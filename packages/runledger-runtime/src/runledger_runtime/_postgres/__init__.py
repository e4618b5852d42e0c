"""All that the runtime knows of the storage layer and of psycopg."""

from ._calls import Pool, PostgresCalls
from ._ledger import (
    Asyncio,
    Blocking,
    DefinitionSyncReport,
    PostgresLedger,
    ledger_over,
    sync_job_definitions,
)
from ._results import TrioJobHandle, TrioWorkflowRunHandle
from ._schedule_calls import (
    JobEnqueueOutcome,
    ScheduleSyncReport,
    enqueue_job,
    sync_job_definitions_exact,
    sync_job_schedules,
    sync_job_schedules_exact,
)

__all__ = [
    "Asyncio",
    "Blocking",
    "DefinitionSyncReport",
    "JobEnqueueOutcome",
    "Pool",
    "PostgresCalls",
    "PostgresLedger",
    "ScheduleSyncReport",
    "TrioJobHandle",
    "TrioWorkflowRunHandle",
    "enqueue_job",
    "ledger_over",
    "sync_job_definitions",
    "sync_job_definitions_exact",
    "sync_job_schedules",
    "sync_job_schedules_exact",
]
