"""
Run Runledger jobs: catalog, supervisor and loops on trio.

A process makes a `JobCatalog` of its handlers and hands it to a `Supervisor`. The loops
underneath are public for hosts that run their own trio program.
"""

from __future__ import annotations

from ._context import JobContext
from ._handlers import HandlerEntry, JobFunction, JobHandler, JobResult
from ._ledger import ClaimedJob, Failed, Ledger, Outcome, SettledJob, Succeeded
from ._loop_exit import RuntimeLoopExit
from ._postgres import PostgresLedger, TrioJobHandle, TrioWorkflowRunHandle
from ._stop import Stop
from .catalog import JobCatalog
from .config import JobsConfig
from .errors import (
    CatalogError,
    ConfigError,
    JobCancelledError,
    LedgerTimeoutError,
    SupervisorError,
)
from .reaper import run_reaper_loop
from .registry import JobRegistry
from .supervisor import ExitCode, Supervisor
from .worker import run_worker_loop

__all__ = [
    "CatalogError",
    "ClaimedJob",
    "ConfigError",
    "ExitCode",
    "Failed",
    "HandlerEntry",
    "JobCancelledError",
    "JobCatalog",
    "JobContext",
    "JobFunction",
    "JobHandler",
    "JobRegistry",
    "JobResult",
    "JobsConfig",
    "Ledger",
    "LedgerTimeoutError",
    "Outcome",
    "PostgresLedger",
    "RuntimeLoopExit",
    "SettledJob",
    "Stop",
    "Succeeded",
    "Supervisor",
    "SupervisorError",
    "TrioJobHandle",
    "TrioWorkflowRunHandle",
    "run_reaper_loop",
    "run_worker_loop",
]
