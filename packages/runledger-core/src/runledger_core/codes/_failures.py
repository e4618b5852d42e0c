"""List the codes that the runtime stores as the reason of a failed attempt."""

from __future__ import annotations

from ._entry import CodeKind, ErrorCategory, Layer, entry_maker

_broken = entry_maker(Layer.RUNTIME, ErrorCategory.INTERNAL, kind=CodeKind.STORED)
_unfit = entry_maker(Layer.RUNTIME, ErrorCategory.VALIDATION, kind=CodeKind.STORED)

FAILURE_CODES = (
    _broken(
        "job.handler_exception",
        "the handler raised an exception; the job is retried",
        "read the attempt's error message",
    ),
    _unfit(
        "job.handler_not_registered",
        "the worker that claimed the job has no handler for its type",
        "register the handler in the catalog of that worker",
    ),
    _broken(
        "job.handler_panic",
        "the handler ended in a way that is never retried",
        "read the attempt's error message and mend the handler",
    ),
    _unfit(
        "job.invalid_payload",
        "the payload does not fit the type that the handler expects",
        "enqueue the job again with a payload that fits",
    ),
    _broken(
        "job.lease_expired",
        "the worker stopped renewing its lease before it finished",
    ),
    _broken(
        "job.lease_maintenance_failed",
        "the worker could not renew its lease and gave the attempt up",
    ),
    _broken(
        "job.progress_persist_failed",
        "what the handler reported could not be stored; the job is retried",
        "read the attempt's error message",
    ),
    _broken(
        "job.shutdown_interrupted",
        "the worker shut down before the handler finished",
    ),
    _broken(
        "job.timeout_exceeded",
        "the handler ran longer than the job's timeout",
        "raise timeout_seconds or make the work smaller",
    ),
)
