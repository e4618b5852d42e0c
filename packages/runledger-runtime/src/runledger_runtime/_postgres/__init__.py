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

__all__ = [
    "Asyncio",
    "Blocking",
    "DefinitionSyncReport",
    "Pool",
    "PostgresCalls",
    "PostgresLedger",
    "TrioJobHandle",
    "TrioWorkflowRunHandle",
    "ledger_over",
    "sync_job_definitions",
]
