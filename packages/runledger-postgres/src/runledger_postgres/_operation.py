"""One definition, two ways to run it: the connection decides."""

from __future__ import annotations

import inspect
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from ._drive_asyncio import drive_async
from ._drive_blocking import drive

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ._drive_asyncio import Asyncio
    from ._drive_blocking import Blocking
    from ._steps import Steps

P = ParamSpec("P")
T = TypeVar("T")


class Operation(Generic[P, T]):
    """
    A storage operation: one generator of SQL steps, callable in two ways.

    Called with a blocking psycopg connection or pool it returns its result; called
    with an asyncio one it returns a coroutine. A pool means a transaction of its own,
    a connection joins the caller's transaction. ``yield from operation.steps(...)``
    makes it part of another operation.
    """

    def __init__(
        self, steps: Callable[P, Steps[T]], *, owns_transaction: bool = False
    ) -> None:
        self.steps = steps
        self.owns_transaction = owns_transaction
        update_wrapper(self, steps)
        self.__signature__: inspect.Signature = _with_database(inspect.signature(steps))

    @overload
    def __call__(self, db: Blocking, /, *args: P.args, **kwargs: P.kwargs) -> T: ...

    @overload
    def __call__(
        self, db: Asyncio, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]: ...

    def __call__(
        self, db: Blocking | Asyncio, /, *args: P.args, **kwargs: P.kwargs
    ) -> T | Coroutine[Any, Any, T]:
        """Run against *db*."""
        owns = self.owns_transaction
        if isinstance(db, (psycopg.Connection, ConnectionPool)):
            return drive(db, self.steps(*args, **kwargs), owns_transaction=owns)
        if isinstance(db, (psycopg.AsyncConnection, AsyncConnectionPool)):
            return drive_async(db, self.steps(*args, **kwargs), owns_transaction=owns)
        message = (
            f"{self.__name__}() takes a psycopg connection or pool first, "
            f"not {type(db).__name__}"
        )
        raise TypeError(message)

    __name__: str

    def __repr__(self) -> str:
        return f"<operation {self.__name__}>"


@overload
def operation(steps: Callable[P, Steps[T]], /) -> Operation[P, T]: ...


@overload
def operation(
    *, owns_transaction: bool
) -> Callable[[Callable[P, Steps[T]]], Operation[P, T]]: ...


def operation(
    steps: Callable[P, Steps[T]] | None = None, /, *, owns_transaction: bool = False
) -> Operation[P, T] | Callable[[Callable[P, Steps[T]]], Operation[P, T]]:
    """
    Make an operation of a generator function.

    ``owns_transaction=True`` is for what must be committed before anyone acts on it,
    a claim above all: such an operation refuses a connection that is inside a
    transaction.
    """
    if steps is not None:
        return Operation(steps)
    return lambda steps: Operation(steps, owns_transaction=owns_transaction)


def _with_database(signature: inspect.Signature) -> inspect.Signature:
    """Show the connection that a call takes first."""
    database = inspect.Parameter(
        "db", inspect.Parameter.POSITIONAL_ONLY, annotation="Blocking | Asyncio"
    )
    return signature.replace(parameters=[database, *signature.parameters.values()])
