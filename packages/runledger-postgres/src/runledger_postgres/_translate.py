"""Turn psycopg's errors into coded ones: constraint name first, then SQLSTATE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from .errors import CommitUnconfirmedError, DatabaseConnectionError, QueryError

if TYPE_CHECKING:
    from runledger_core import RunledgerError

_BY_CONSTRAINT: Final = {
    "fk_job_queue_organization": "job.organization_not_found",
    "fk_job_logs_job": "job.not_found",
    "fk_job_runtime_configs_job_type": "job.definition_not_found",
    "fk_job_schedules_job_type": "job.definition_not_found",
    "uq_job_queue_type_idempotency_global": "job.already_enqueued",
    "uq_job_queue_type_idempotency_org": "job.already_enqueued",
    "uq_workflow_runs_type_idempotency_global": "workflow.already_enqueued",
    "uq_workflow_runs_type_idempotency_org": "workflow.already_enqueued",
}

_BY_SQLSTATE: Final = {
    "23001": "db.related_resource_still_referenced",
    "23502": "db.required_field_missing",
    "23503": "db.related_resource_missing",
    "23505": "db.unique_violation",
    "23514": "db.business_rule_violation",
    "25P02": "db.transaction_aborted",
    "3F000": "db.schema_missing",
    "42501": "db.permission_denied",
    "42703": "db.schema_missing",
    "42704": "db.schema_missing",
    "42883": "db.schema_missing",
    "42P01": "db.schema_missing",
}

_QUOTING_CLASSES: Final = ("22", "23")
"""Data exceptions and broken constraints: the server's detail quotes the whole row."""

_CONNECTION_CLASSES: Final = ("08", "57P")
"""Connection exceptions, and a server that stops: the session is gone."""


def translate(error: psycopg.Error) -> RunledgerError:
    """Return the coded error for *error*, which becomes its cause."""
    coded = _coded(error)
    coded.__cause__ = error
    return coded


def translate_commit(error: psycopg.Error) -> RunledgerError:
    """
    Return the coded error for a COMMIT that failed.

    A server that answers with an error has rolled back. Without an answer, or when
    the server ended the session in the middle of it, nobody knows.
    """
    if not _is_connection_loss(error):
        return translate(error)
    unconfirmed = CommitUnconfirmedError(
        "db.transaction_commit_unconfirmed", internal=_driver_text(error)
    )
    unconfirmed.__cause__ = error
    return unconfirmed


def _coded(error: psycopg.Error) -> RunledgerError:
    internal = _driver_text(error)
    if _is_connection_loss(error):
        return DatabaseConnectionError("db.connection_failed", internal=internal)
    constraint = error.diag.constraint_name
    by_state = _BY_SQLSTATE.get(error.sqlstate or "", "db.query_failed")
    return QueryError(
        _BY_CONSTRAINT.get(constraint or "", by_state),
        internal=internal,
        sqlstate=error.sqlstate,
        constraint=constraint,
    )


def _is_connection_loss(error: psycopg.Error) -> bool:
    if isinstance(error, (PoolClosed, PoolTimeout, TooManyRequests)):
        return True
    if error.sqlstate is None:
        return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return error.sqlstate.startswith(_CONNECTION_CLASSES)


def _driver_text(error: psycopg.Error) -> str:
    """Return the server's words for a log, without the row that it quotes."""
    sentence = error.diag.message_primary
    is_quoting = (error.sqlstate or "").startswith(_QUOTING_CLASSES)
    return f"{type(error).__name__}: {sentence if sentence and is_quoting else error}"
