"""
Run Runledger jobs: catalog, supervisor and loops on trio.

A process makes a `JobCatalog` of its handlers and hands it to a `Supervisor`. The loops
underneath are public for hosts that run their own trio program.
"""

from __future__ import annotations

from ._asyncio_handlers import asyncio_handler
from ._asyncio_host import AsyncioHost
from ._context import JobContext
from ._exit_code import ExitCode
from ._handlers import HandlerEntry, JobFunction, JobHandler, JobResult
from ._ledger import ClaimedJob, Failed, Ledger, Outcome, SettledJob, Succeeded
from ._loop_exit import RuntimeLoopExit
from ._postgres import PostgresLedger
from ._stop import Stop
from .catalog import CatalogWorkflowDagBuilder, JobCatalog, JobCatalogDefaults
from .config import JobsConfig
from .errors import (
    CatalogError,
    ConfigError,
    JobCancelledError,
    LedgerTimeoutError,
    SupervisorError,
)
from .health import Health, LoopHealth, SupervisorPhase
from .maintenance import run_maintenance_loop
from .reaper import run_reaper_loop
from .registry import JobRegistry
from .scheduler import run_scheduler_loop
from .supervisor import Supervisor
from .worker import run_worker_loop

__all__ = [
    "AsyncioHost",
    "CatalogError",
    "CatalogWorkflowDagBuilder",
    "ClaimedJob",
    "ConfigError",
    "ExitCode",
    "Failed",
    "HandlerEntry",
    "Health",
    "JobCancelledError",
    "JobCatalog",
    "JobCatalogDefaults",
    "JobContext",
    "JobFunction",
    "JobHandler",
    "JobRegistry",
    "JobResult",
    "JobsConfig",
    "Ledger",
    "LedgerTimeoutError",
    "LoopHealth",
    "Outcome",
    "PostgresLedger",
    "RuntimeLoopExit",
    "SettledJob",
    "Stop",
    "Succeeded",
    "Supervisor",
    "SupervisorError",
    "SupervisorPhase",
    "asyncio_handler",
    "run_maintenance_loop",
    "run_reaper_loop",
    "run_scheduler_loop",
    "run_worker_loop",
]
