"""Name what the runtime logs, so that machines can tell it from anything else."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from runledger_core import Lease

_logger = logging.getLogger("runledger_runtime")


class LogEvent(StrEnum):
    """The names; docs/guides/observability.md tells what each means and carries."""

    # Each job asks for the levels of two, and Enum's own hash is written in Python.
    __hash__ = str.__hash__

    CLAIMS_GIVEN_BACK = "claims.given_back"
    CLAIMS_NOT_GIVEN_BACK = "claims.not_given_back"
    CLAIM_FAILED = "claim.failed"
    DATABASE_ANSWERS = "database.answers"
    DEAD_LETTER_HOOK_FAILED = "dead_letter_hook.failed"
    ENDED_DELETED = "ended.deleted"
    JOBS_CANCELLED = "jobs.cancelled"
    JOB_DEAD_LETTERED = "job.dead_lettered"
    JOB_HANDLER_RAISED = "job.handler_raised"
    JOB_LEASE_LOST = "job.lease_lost"
    JOB_NOT_SETTLED = "job.not_settled"
    JOB_RETRIED = "job.retried"
    JOB_STARTED = "job.started"
    JOB_SUCCEEDED = "job.succeeded"
    JOB_SWALLOWS_CANCELLATION = "job.swallows_cancellation"
    LEASES_DEFERRED = "leases.deferred"
    LEASES_NOT_RENEWED = "leases.not_renewed"
    LEASES_REAPED = "leases.reaped"
    LOG_LINES_LOST = "log_lines.lost"
    LOOP_BLOCKED = "loop.blocked"
    LOOP_FAILED = "loop.failed"
    LOOP_TURNS = "loop.turns"
    MAINTENANCE_FAILED = "maintenance.failed"
    NOTIFICATIONS_ARRIVE = "notifications.arrive"
    NOTIFICATIONS_LOST = "notifications.lost"
    OBSERVER_FAILED = "observer.failed"
    OBSERVER_MISSED = "observer.missed"
    PRESENCE_FAILED = "presence.failed"
    PROCESSES_MISCONFIGURED = "processes.misconfigured"
    PROCESS_ENDED = "process.ended"
    REAP_FAILED = "reap.failed"
    REPORT_REFUSED = "report.refused"
    REST_FAILED = "rest.failed"
    SCHEDULES_FIRED = "schedules.fired"
    SCHEDULES_NOT_FIRED = "schedules.not_fired"
    SCHEDULES_SKIPPED = "schedules.skipped"
    SCHEDULE_DEFERRED = "schedule.deferred"
    SETTLE_FAILED = "settle.failed"
    SHUTDOWN_ABANDONED = "shutdown.abandoned"
    SHUTDOWN_OVERDUE = "shutdown.overdue"
    SHUTDOWN_REQUESTED = "shutdown.requested"
    SHUTDOWN_URGENT = "shutdown.urgent"
    START_WAITS = "start.waits"
    SUPERVISOR_ENDED = "supervisor.ended"
    SUPERVISOR_FAILED = "supervisor.failed"
    SUPERVISOR_STARTED = "supervisor.started"
    SURVEY_FAILED = "survey.failed"


_LEVELS: Final = {
    LogEvent.CLAIMS_GIVEN_BACK: logging.INFO,
    LogEvent.DATABASE_ANSWERS: logging.INFO,
    LogEvent.DEAD_LETTER_HOOK_FAILED: logging.ERROR,
    LogEvent.ENDED_DELETED: logging.INFO,
    LogEvent.JOB_DEAD_LETTERED: logging.WARNING,
    LogEvent.JOB_HANDLER_RAISED: logging.DEBUG,
    LogEvent.JOB_RETRIED: logging.INFO,
    LogEvent.JOB_STARTED: logging.DEBUG,
    LogEvent.JOB_SUCCEEDED: logging.DEBUG,
    LogEvent.JOB_SWALLOWS_CANCELLATION: logging.ERROR,
    LogEvent.LEASES_DEFERRED: logging.ERROR,
    LogEvent.LOOP_FAILED: logging.ERROR,
    LogEvent.NOTIFICATIONS_ARRIVE: logging.INFO,
    LogEvent.OBSERVER_FAILED: logging.ERROR,
    LogEvent.PROCESSES_MISCONFIGURED: logging.CRITICAL,
    LogEvent.PROCESS_ENDED: logging.ERROR,
    LogEvent.SCHEDULES_FIRED: logging.INFO,
    LogEvent.SCHEDULES_SKIPPED: logging.INFO,
    LogEvent.SCHEDULE_DEFERRED: logging.ERROR,
    LogEvent.SHUTDOWN_ABANDONED: logging.CRITICAL,
    LogEvent.SHUTDOWN_OVERDUE: logging.ERROR,
    LogEvent.SHUTDOWN_REQUESTED: logging.INFO,
    LogEvent.SUPERVISOR_ENDED: logging.INFO,
    LogEvent.SUPERVISOR_FAILED: logging.CRITICAL,
    LogEvent.SUPERVISOR_STARTED: logging.INFO,
}


def level_of(event: LogEvent) -> int:
    """Return the level at which an event is logged: warning, unless stated."""
    return _LEVELS.get(event, logging.WARNING)


def is_heard(event: LogEvent) -> bool:
    """Tell whether anybody listens, for what happens with every job."""
    return _logger.isEnabledFor(level_of(event))


def emit(
    event: LogEvent,
    message: str,
    *arguments: object,
    lease: Lease | None = None,
    job_type: str | None = None,
    error: BaseException | None = None,
    is_minor: bool = False,
    **fields: object,
) -> None:
    """
    Log an event: a sentence for people, and its name and ids for machines.

    The ids are attributes of the log record, as the standard library's ``extra`` makes
    them; identifiers are text there, so that every formatter can write them. What is
    minor, because it was said before or nothing depends on it, is for debugging only.
    """
    level = logging.DEBUG if is_minor else level_of(event)
    extra: dict[str, object] = {"event": event.value, **fields}
    if lease is not None:
        extra |= {
            "job_id": str(lease.job_id),
            "run_number": lease.run_number,
            "attempt": lease.attempt,
            "worker_id": lease.worker_id,
        }
    if job_type is not None:
        extra["job_type"] = job_type
    _logger.log(level, message, *arguments, exc_info=error, extra=extra, stacklevel=2)
