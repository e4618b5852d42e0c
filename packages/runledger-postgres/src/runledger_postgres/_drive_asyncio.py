"""Run an operation over an asyncio psycopg connection or pool."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import psycopg
from psycopg.rows import dict_row, tuple_row
from psycopg_pool import AsyncConnectionPool

from ._steps import Batch, Copy
from ._transactions import TransactionMode, commits_alone, transaction_mode
from ._translate import translate, translate_commit

if TYPE_CHECKING:
    from psycopg.rows import RowFactory

    from runledger_core import RunledgerError

    from ._steps import Call, Rows, Step, Steps

T = TypeVar("T")

Asyncio: TypeAlias = "psycopg.AsyncConnection[Any] | AsyncConnectionPool[Any]"


async def drive_async(db: Asyncio, steps: Steps[T], *, owns_transaction: bool) -> T:
    """Run *steps* to their end; see ``_transactions`` for who commits."""
    with closing(steps):
        if not isinstance(db, AsyncConnectionPool):
            return await _bracketed(db, steps, owns=owns_transaction, is_pooled=False)
        try:
            async with db.connection() as connection:
                return await _bracketed(
                    connection, steps, owns=owns_transaction, is_pooled=True
                )
        except psycopg.Error as error:  # the pool had no connection to give
            raise translate(error) from error


async def _bracketed(
    connection: psycopg.AsyncConnection[Any],
    steps: Steps[T],
    *,
    owns: bool,
    is_pooled: bool,
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
            answer, refusal = await _committed(connection, step, is_pooled=is_pooled)
            step = steps.throw(refusal) if refusal else steps.send(answer)
    except StopIteration as stop:
        done: T = stop.value
        return done
    if mode is TransactionMode.OPEN:
        try:
            return await _converse(connection, steps, mode, step)
        except BaseException:
            if not connection.closed:
                await connection.rollback()
            raise
    is_ready_to_commit = False
    try:
        async with connection.transaction():
            value = await _converse(connection, steps, mode, step)
            is_ready_to_commit = mode is TransactionMode.OWN
    except psycopg.Error as error:
        coded = translate_commit(error) if is_ready_to_commit else translate(error)
        raise coded from error
    return value


async def _committed(
    connection: psycopg.AsyncConnection[Any], call: Call, *, is_pooled: bool
) -> tuple[object, RunledgerError | None]:
    """Have a call be a transaction by itself; return its answer, or its error."""
    was_autocommit = connection.autocommit
    try:
        if not was_autocommit:
            await connection.set_autocommit(True)
        # A pool's connection lives long, and such calls are made again and again.
        cursor = await _executed(
            connection, call, TransactionMode.OWN, prepare=is_pooled or None
        )
        return await _fetched(cursor), None
    except psycopg.Error as error:
        return None, translate_commit(error)
    finally:
        if not (was_autocommit or connection.closed):
            await connection.set_autocommit(False)


async def _converse(
    connection: psycopg.AsyncConnection[Any],
    steps: Steps[T],
    mode: TransactionMode,
    step: Step,
) -> T:
    """Hand each step to the server and its rows, or its error, back."""
    try:
        while True:
            try:
                answer = await _answer(connection, step, mode)
            except psycopg.Error as error:
                step = steps.throw(translate(error))
            else:
                step = steps.send(answer)
    except StopIteration as stop:
        value: T = stop.value
        return value


async def _answer(
    connection: psycopg.AsyncConnection[Any], step: Step, mode: TransactionMode
) -> Rows | list[Rows] | int:
    match step:
        case Batch():
            async with connection.pipeline():
                cursors = [
                    await _executed(connection, call, mode) for call in step.calls
                ]
            return [await _fetched(cursor) for cursor in cursors]
        case Copy():
            return await _copied(connection, step)
        case _:
            return await _fetched(await _executed(connection, step, mode))


async def _copied(connection: psycopg.AsyncConnection[Any], step: Copy) -> int:
    async with psycopg.AsyncCursor(connection) as cursor:
        async with cursor.copy(step.statement.query) as copy:
            for row in step.rows:
                await copy.write_row(row)
        return cursor.rowcount


async def _executed(
    connection: psycopg.AsyncConnection[Any],
    call: Call,
    mode: TransactionMode,
    *,
    prepare: bool | None = None,
) -> psycopg.AsyncCursor[Any]:
    # Not connection.cursor(): the host may have set a cursor class of its own, and
    # ours takes the parameters by number.
    factory: RowFactory[Any] = tuple_row if call.as_tuples else dict_row
    cursor = psycopg.AsyncRawCursor(connection, row_factory=factory)
    owns = mode is TransactionMode.OWN
    query = call.statement.query if owns else call.statement.joined_query
    return await cursor.execute(query, call.arguments, prepare=prepare)


async def _fetched(cursor: psycopg.AsyncCursor[Any]) -> Rows:
    async with cursor:
        # Not its description, which is made anew, of all columns, whenever it is asked.
        return [] if cursor.rownumber is None else await cursor.fetchall()
