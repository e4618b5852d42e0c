"""Run operations over a connection whose socket somebody else watches."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeAlias, TypeVar

import psycopg
from psycopg import capabilities
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus

from ._transactions import commits_alone, has_plain_begin
from ._translate import translate, translate_commit

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from psycopg import abc
    from psycopg.pq.abc import PGresult

    from runledger_core import RunledgerError

    from ._operation import Operation
    from ._steps import Call, Rows, Steps

P = ParamSpec("P")
T = TypeVar("T")

Exchange: TypeAlias = "Generator[None, None, T]"
"""What is said and heard; yields while the server's answer has not come."""

_SYNC: Final = ExecStatus.PIPELINE_SYNC


class Running(Generic[T]):
    """An operation that a `WatchedConnection` has started."""

    def __init__(self, exchange: Exchange[T]) -> None:
        self._exchange = exchange
        self._value: T | None = None
        self._error: Exception | None = None
        self._on_end: Callable[[], None] | None = None
        self.is_ended: bool = False

    def when_ended(self, call: Callable[[], None]) -> None:
        """Have *call* called at the end, in place of what was to be called before."""
        self._on_end = call

    def result(self) -> T:
        """Return what it returned, or raise what it raised, once it has ended."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # there was no error

    def go_on(self, lost: psycopg.Error | None) -> bool:
        """Look for the answer, or hear that none will come; True if it has ended."""
        try:
            if lost is None:
                next(self._exchange)
            else:
                self._exchange.throw(lost)
        except StopIteration as stop:
            self._value = stop.value
        except Exception as error:  # noqa: BLE001 - it is raised by `result`
            self._error = error
        else:
            return False
        self.is_ended = True
        if self._on_end is not None:
            self._on_end()
        return True


class WatchedConnection:
    """
    Run operations for an event loop that psycopg does not know, and hear notifications.

    Nothing here waits. `start` sends an operation and returns. Whoever owns the loop
    calls `receive` when the socket is readable, and learns from `Running` that it has
    ended. One runs at a time, and of such operations only as need no transaction around
    their statements: `claim_jobs`, and what a worker says when it rests.

    Statements are prepared when they are first sent, unless the ``prepare_threshold``
    of the connection is None.

    Args:
        connection: nobody else uses it meanwhile; whoever made it closes it.
        on_notify: takes the payload of each notification, while `receive` runs.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], on_notify: Callable[[str], None]
    ) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._on_notify = on_notify
        self._running: Running[Any] | None = None
        self._prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._numbers = count()
        self._has_pipeline = capabilities.has_pipeline()
        if self._has_pipeline:
            self._pgconn.enter_pipeline_mode()

    def fileno(self) -> int:
        """Return the socket to be watched."""
        return self._pgconn.socket

    @property
    def is_busy(self) -> bool:
        """Whether an operation runs."""
        return self._running is not None

    @property
    def is_free(self) -> bool:
        """
        Whether an operation can be started.

        Never on a connection that asks for an isolation or access mode of its own: it
        would say so in a BEGIN. Nor with a libpq before 14, which has no pipeline mode.
        """
        can_run = self._has_pipeline and has_plain_begin(self._connection)
        return can_run and not self.is_busy

    def start(
        self, operation: Operation[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Running[T]:
        """
        Send an operation. What it raises is raised by its result.

        Raises:
            RuntimeError: the connection is not free.
        """
        if not self.is_free:
            message = f"{operation.__name__}() needs a connection that is free"
            raise RuntimeError(message)
        steps = operation.steps(*args, **kwargs)
        running = Running(self._conversation(operation.__name__, steps))
        self._running = running
        self._go_on()
        return running

    def flush(self) -> bool:
        """
        Send what is to be sent; True if the socket has to become writable before that.

        Raises:
            DatabaseConnectionError: as `receive`.
        """
        try:
            return self._pgconn.flush() != 0
        except psycopg.Error as error:
            raise self._lost(error) from error

    def receive(self) -> None:
        """
        Take in what has come.

        Raises:
            DatabaseConnectionError: ``db.connection_failed``. What ran has ended then
                with ``db.transaction_commit_unconfirmed``.
        """
        try:
            self._pgconn.consume_input()
            self._go_on()
            while (notify := self._pgconn.notifies()) is not None:
                self._on_notify(notify.extra.decode())
        except psycopg.Error as error:
            raise self._lost(error) from error

    def give_up(self, error: psycopg.Error) -> None:
        """End what runs: its answer will not be read."""
        self._go_on(lost=error)

    def _go_on(self, lost: psycopg.Error | None = None) -> None:
        if self._running is not None and self._running.go_on(lost):
            self._running = None

    def _lost(self, error: psycopg.Error) -> RunledgerError:
        self.give_up(error)
        return translate(error)

    def _conversation(self, name: str, steps: Steps[T]) -> Exchange[T]:
        """Hand each step to the server and its rows, or its error, back."""
        try:
            step = next(steps)
            while commits_alone(step, self._connection):
                try:
                    answer = yield from self._answer(step)
                except psycopg.Error as error:
                    step = steps.throw(translate_commit(error))
                else:
                    step = steps.send(answer)
        except StopIteration as stop:
            done: T = stop.value
            return done
        finally:
            steps.close()
        message = f"a watched connection runs what commits by itself, and not {name}()"
        raise TypeError(message)

    def _answer(self, call: Call) -> Exchange[Rows]:
        """Have a call be a transaction by itself, and return its rows."""
        types = Transformer.from_context(self._connection)
        arguments = call.arguments or []
        values = types.dump_sequence(arguments, [PyFormat.AUTO] * len(arguments))
        query, oids = call.statement.query, types.types or ()
        name: bytes | None = None
        if self._connection.prepare_threshold is None:
            self._pgconn.send_query_params(query, values, oids, types.formats)
        else:
            name = self._prepared.get((query, oids))
            if name is None:
                name = f"runledger_{next(self._numbers)}".encode()
                self._pgconn.send_prepare(name, query, oids)
            self._pgconn.send_query_prepared(name, values, types.formats)
        # The rows are to come before the commit, so that they are read while it waits
        # for the disk.
        self._pgconn.send_flush_request()
        self._pgconn.pipeline_sync()
        rows = yield from self._committed(call, types)
        if name is not None:
            self._prepared[query, oids] = name
        return rows

    def _committed(self, call: Call, types: abc.Transformer) -> Exchange[Rows]:
        """Read the rows, and return them when they are committed."""
        rows: Rows = []
        refusal: psycopg.Error | None = None
        self._pgconn.flush()
        while (result := (yield from self._result())).status != _SYNC:
            if result.status == ExecStatus.TUPLES_OK:
                types.set_pgresult(result)
                rows = types.load_rows(0, result.ntuples, _row_maker(call, result))
            elif result.status != ExecStatus.COMMAND_OK and refusal is None:
                refusal = error_from_result(result, self._connection.info.encoding)
        if refusal is not None:
            raise refusal
        return rows

    def _result(self) -> Exchange[PGresult]:
        """Return the next result, once it has come."""
        while True:
            while self._pgconn.is_busy():
                yield
            # One that is None ends those of one message.
            result = self._pgconn.get_result()
            if self._pgconn.status != ConnStatus.OK:
                lost = "the connection was lost"
                raise psycopg.OperationalError(lost)
            if result is not None:
                return result


def _row_maker(call: Call, result: PGresult) -> Callable[[Sequence[Any]], Any]:
    if call.as_tuples:
        return tuple
    columns = (result.fname(index) or b"" for index in range(result.nfields))
    names = [column.decode() for column in columns]
    return lambda values: dict(zip(names, values, strict=True))
