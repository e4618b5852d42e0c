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
from ._handler_ledger import HandlerLedger, LogLine, Report, SavedValue
from ._handlers import (
    DeadLetterHook,
    HandlerEntry,
    JobFunction,
    JobHandler,
    JobResult,
)
from ._ledger import ClaimedJob, Failed, Ledger, Outcome, SettledJob, Succeeded
from ._log_events import LogEvent
from ._loop_exit import RuntimeLoopExit
from ._postgres import PostgresLedger, TrioJobHandle, TrioWorkflowRunHandle
from ._recorded_services import RecordedLine, RecordedProgress, RecordedServices
from ._stop import Stop
from .catalog import CatalogWorkflowDagBuilder, JobCatalog, JobCatalogDefaults
from .config import JobsConfig, WakeUpMode
from .errors import (
    CatalogError,
    ConfigError,
    JobCancelledError,
    LedgerTimeoutError,
    SupervisorError,
)
from .health import Health, LoopHealth, SupervisorPhase
from .maintenance import run_maintenance_loop
from .observers import (
    DeadLettered,
    HandlerEnd,
    JobCompletionPersistFailed,
    JobFailed,
    JobLeaseLost,
    JobLeaseReaped,
    JobLifecycleObserver,
    JobRunning,
    JobSucceeded,
    LeaseLoss,
    ObservedJob,
    RetryScheduled,
)
from .processes import run_workers
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
    "DeadLetterHook",
    "DeadLettered",
    "ExitCode",
    "Failed",
    "HandlerEnd",
    "HandlerEntry",
    "HandlerLedger",
    "Health",
    "JobCancelledError",
    "JobCatalog",
    "JobCatalogDefaults",
    "JobCompletionPersistFailed",
    "JobContext",
    "JobFailed",
    "JobFunction",
    "JobHandler",
    "JobLeaseLost",
    "JobLeaseReaped",
    "JobLifecycleObserver",
    "JobRegistry",
    "JobResult",
    "JobRunning",
    "JobSucceeded",
    "JobsConfig",
    "LeaseLoss",
    "Ledger",
    "LedgerTimeoutError",
    "LogEvent",
    "LogLine",
    "LoopHealth",
    "ObservedJob",
    "Outcome",
    "PostgresLedger",
    "RecordedLine",
    "RecordedProgress",
    "RecordedServices",
    "Report",
    "RetryScheduled",
    "RuntimeLoopExit",
    "SavedValue",
    "SettledJob",
    "Stop",
    "Succeeded",
    "Supervisor",
    "SupervisorError",
    "SupervisorPhase",
    "TrioJobHandle",
    "TrioWorkflowRunHandle",
    "WakeUpMode",
    "asyncio_handler",
    "run_maintenance_loop",
    "run_reaper_loop",
    "run_scheduler_loop",
    "run_worker_loop",
    "run_workers",
]
