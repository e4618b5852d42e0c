"""List the codes of the runtime: configuration, catalog and supervisor."""

from __future__ import annotations

from ._entry import ErrorCategory, Layer, entry_maker

_invalid = entry_maker(Layer.RUNTIME, ErrorCategory.VALIDATION)
_conflict = entry_maker(Layer.RUNTIME, ErrorCategory.CONFLICT)
_internal = entry_maker(Layer.RUNTIME, ErrorCategory.INTERNAL)

RUNTIME_CODES = (
    _invalid(
        "catalog.disabled_job_type",
        "the job type is disabled in the catalog",
        "enable it in the catalog or leave the job out",
    ),
    _invalid(
        "catalog.duplicate_job_type",
        "the catalog already has a handler for this job type, or another declaration",
        "give each handler a job type of its own, and declare it in one place",
    ),
    _invalid(
        "catalog.duplicate_schedule",
        "the catalog already has a schedule of this name",
        "give each schedule a name of its own",
    ),
    _invalid(
        "catalog.invalid_concurrency",
        "the number of jobs of a type that may run at once cannot be used",
        "give a whole number from 1 on, or none",
    ),
    _invalid(
        "catalog.invalid_handler",
        "the handler cannot be called as a handler",
        "pass a function that takes the context and the payload",
    ),
    _invalid(
        "catalog.invalid_payload_type",
        "the handler's payload type cannot be read from JSON",
        "annotate the payload with an attrs class or leave it raw",
    ),
    _invalid(
        "catalog.unknown_job_type",
        "the catalog has no such job type",
        "register a handler for it, or declare it",
    ),
    _invalid(
        "config.invalid_value",
        "a setting has a value that cannot be used",
        "correct it or leave it out",
    ),
    _conflict(
        "runtime.already_running",
        "the supervisor is running already",
        "make a new one for each run",
    ),
    _invalid(
        "runtime.missing_catalog",
        "a worker or a reaper needs a catalog",
        "pass a catalog or disable these loops",
    ),
    _conflict(
        "runtime.notifications_not_received",
        "notifications do not arrive, so an idle worker finds new jobs by polling",
        "give the worker a direct connection, or set JOBS_WAKEUP to poll",
    ),
    _internal(
        "runtime.shutdown_timeout",
        "tasks were still running when the time for the shutdown was over",
        "their jobs return to the queue when their leases expire",
    ),
    _invalid(
        "runtime.shutdown_timeout_too_large",
        "the shutdown timeout is too large to be measured",
    ),
    _internal(
        "runtime.task_failed",
        "a task of the supervisor ended unexpectedly",
        "look in the log for its error",
    ),
)
