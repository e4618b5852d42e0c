"""Whose transaction an operation runs in: decided before its first statement."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeGuard

from psycopg.pq import TransactionStatus

from ._steps import Call
from .errors import DatabaseConnectionError, QueryError

if TYPE_CHECKING:
    import psycopg

    from ._steps import Step


class TransactionMode(Enum):
    """How a driver brackets an operation."""

    OWN = auto()
    """Begin, and commit at the end."""
    JOIN = auto()
    """A savepoint inside the caller's transaction, which stays open."""
    OPEN = auto()
    """
    Begin the caller's transaction and leave it open.

    DB-API connections without autocommit begin a transaction at their first
    statement and it is the caller who commits. When that first statement is ours
    it must not be different, else ``rollback()`` would keep what was enqueued.
    """


def transaction_mode(
    status: TransactionStatus,
    *,
    is_pooled: bool,
    is_autocommit: bool,
    owns_transaction: bool,
) -> TransactionMode:
    """
    Choose the bracket for a connection in *status*.

    Raises:
        QueryError: ``db.transaction_not_owned`` if the operation commits by itself
            and the caller is inside a transaction; ``db.transaction_aborted`` if an
            earlier statement of the caller failed.
        DatabaseConnectionError: ``db.connection_failed`` on a closed connection.
    """
    match status:
        case TransactionStatus.IDLE:
            joins_caller = not (is_pooled or is_autocommit or owns_transaction)
            return TransactionMode.OPEN if joins_caller else TransactionMode.OWN
        case TransactionStatus.INTRANS | TransactionStatus.ACTIVE:
            if owns_transaction:
                raise QueryError("db.transaction_not_owned")
            return TransactionMode.JOIN
        case TransactionStatus.INERROR:
            raise QueryError("db.transaction_aborted")
        case _:
            raise DatabaseConnectionError("db.connection_failed")


def commits_alone(
    step: Step, connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]
) -> TypeGuard[Call]:
    """Tell whether a step needs no BEGIN and COMMIT around it, if none came before."""
    return isinstance(step, Call) and step.commits and has_plain_begin(connection)


def has_plain_begin(
    connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any],
) -> bool:
    """Tell whether a BEGIN would say nothing: neither isolation nor access mode."""
    return (
        connection.isolation_level is None
        and connection.read_only is None
        and connection.deferrable is None
    )
