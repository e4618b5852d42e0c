"""Run an operation over a blocking psycopg connection or pool."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import psycopg
from psycopg.rows import dict_row, tuple_row
from psycopg_pool import ConnectionPool

from ._steps import Batch, Copy
from ._transactions import TransactionMode, commits_alone, transaction_mode
from ._translate import translate, translate_commit

if TYPE_CHECKING:
    from psycopg.rows import RowFactory

    from runledger_core import RunledgerError

    from ._steps import Call, Rows, Step, Steps

T = TypeVar("T")

Blocking: TypeAlias = "psycopg.Connection[Any] | ConnectionPool[Any]"


def drive(db: Blocking, steps: Steps[T], *, owns_transaction: bool) -> T:
    """Run *steps* to their end; see ``_transactions`` for who commits."""
    with closing(steps):
        if not isinstance(db, ConnectionPool):
            return _bracketed(db, steps, owns=owns_transaction, is_pooled=False)
        try:
            with db.connection() as connection:
                return _bracketed(
                    connection, steps, owns=owns_transaction, is_pooled=True
                )
        except psycopg.Error as error:  # the pool had no connection to give
            raise translate(error) from error


def _bracketed(
    connection: psycopg.Connection[Any], steps: Steps[T], *, owns: bool, is_pooled: bool
) -> T:
    mode = transaction_mode(
        connection.info.transaction_status,
        is_pooled=is_pooled,
        is_autocommit=connection.autocommit,
        owns_transaction=owns,
    )
    try:
        step = next(steps)
        while mode is TransactionMode.OWN and commits_alone(step, connection):
            answer, refusal = _committed(connection, step, is_pooled=is_pooled)
            step = steps.throw(refusal) if refusal else steps.send(answer)
    except StopIteration as stop:
        done: T = stop.value
        return done
    if mode is TransactionMode.OPEN:
        try:
            return _converse(connection, steps, mode, step)
        except BaseException:
            if not connection.closed:
                connection.rollback()
            raise
    is_ready_to_commit = False
    try:
        with connection.transaction():
            value = _converse(connection, steps, mode, step)
            is_ready_to_commit = mode is TransactionMode.OWN
    except psycopg.Error as error:
        coded = translate_commit(error) if is_ready_to_commit else translate(error)
        raise coded from error
    return value


def _committed(
    connection: psycopg.Connection[Any], call: Call, *, is_pooled: bool
) -> tuple[object, RunledgerError | None]:
    """Have a call be a transaction by itself; return its answer, or its error."""
    was_autocommit = connection.autocommit
    try:
        if not was_autocommit:
            connection.autocommit = True
        # A pool's connection lives long, and such calls are made again and again.
        cursor = _executed(
            connection, call, TransactionMode.OWN, prepare=is_pooled or None
        )
        return _fetched(cursor), None
    except psycopg.Error as error:
        return None, translate_commit(error)
    finally:
        if not (was_autocommit or connection.closed):
            connection.autocommit = False


def _converse(
    connection: psycopg.Connection[Any],
    steps: Steps[T],
    mode: TransactionMode,
    step: Step,
) -> T:
    """Hand each step to the server and its rows, or its error, back."""
    try:
        while True:
            try:
                answer = _answer(connection, step, mode)
            except psycopg.Error as error:
                step = steps.throw(translate(error))
            else:
                step = steps.send(answer)
    except StopIteration as stop:
        value: T = stop.value
        return value


def _answer(
    connection: psycopg.Connection[Any], step: Step, mode: TransactionMode
) -> Rows | list[Rows] | int:
    match step:
        case Batch():
            with connection.pipeline():
                cursors = [_executed(connection, call, mode) for call in step.calls]
            return [_fetched(cursor) for cursor in cursors]
        case Copy():
            return _copied(connection, step)
        case _:
            return _fetched(_executed(connection, step, mode))


def _copied(connection: psycopg.Connection[Any], step: Copy) -> int:
    with psycopg.Cursor(connection) as cursor:
        with cursor.copy(step.statement.query) as copy:
            for row in step.rows:
                copy.write_row(row)
        return cursor.rowcount


def _executed(
    connection: psycopg.Connection[Any],
    call: Call,
    mode: TransactionMode,
    *,
    prepare: bool | None = None,
) -> psycopg.Cursor[Any]:
    # Not connection.cursor(): the host may have set a cursor class of its own, and
    # ours takes the parameters by number.
    factory: RowFactory[Any] = tuple_row if call.as_tuples else dict_row
    cursor = psycopg.RawCursor(connection, row_factory=factory)
    owns = mode is TransactionMode.OWN
    query = call.statement.query if owns else call.statement.joined_query
    return cursor.execute(query, call.arguments, prepare=prepare)


def _fetched(cursor: psycopg.Cursor[Any]) -> Rows:
    with cursor:
        # Not its description, which is made anew, of all columns, whenever it is asked.
        return [] if cursor.rownumber is None else cursor.fetchall()
