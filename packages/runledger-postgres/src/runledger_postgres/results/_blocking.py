"""Wait for results in threads."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import attrs
import psycopg

from runledger_core import RunledgerError

from .._translate import translate
from ._ends import (
    find_job_result,
    find_run_result,
    get_existing_job,
    get_existing_run,
    get_job_status,
    get_run_status,
    register_result_waiter,
)
from ._listener_thread import thread_listener
from ._wait import Look, Pause, Register, waiting

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from psycopg_pool import ConnectionPool

    from runledger_core import JobStatus, JsonValue, Scope, WorkflowRunStatus

    from ..records import JobRecord
    from ..workflows import WorkflowRunRecord
    from ._ends import Result
    from ._wait import Waiting, WaitStep


@attrs.frozen
class JobHandle:
    """A job that somebody else does, and whose result is wanted."""

    pool: ConnectionPool[Any] = attrs.field(repr=False)
    job_id: UUID
    scope: Scope = attrs.field(kw_only=True)
    listens: bool = attrs.field(default=True, kw_only=True)

    def get_status(self) -> JobStatus:
        """Read in which status the job is. Raises ``job.not_found``."""
        return get_job_status(self.pool, self.job_id, scope=self.scope)

    def get_job(self) -> JobRecord:
        """Read the job whole. Raises ``job.not_found``."""
        return get_existing_job(self.pool, self.job_id, scope=self.scope)

    def get_result(
        self, *, timeout: float = 300.0, poll_interval: float = 1.0
    ) -> JsonValue:
        """
        Wait for the job to succeed, and return its output (None if it left none).

        Waits *timeout* seconds at most (0 looks once) and looks every *poll_interval*
        seconds, whether or not a notification comes before that.

        Raises:
            ResultUnsuccessfulError: ``job.result_unsuccessful_terminal``, with the
                status and the last error.
            ResultTimeoutError: ``job.result_wait_timeout``, also a `TimeoutError`.
            QueryError: ``job.not_found``, ``job.invalid_result_wait``,
                ``job.handle_storage_error``.
            DatabaseConnectionError: at the first look only.
        """

        def find(connection: psycopg.Connection[Any]) -> Result | None:
            return find_job_result(connection, self.job_id, scope=self.scope)

        wait = waiting(
            "job",
            timeout=timeout,
            poll_interval=poll_interval,
            clock=time.monotonic,
            listens=self.listens,
        )
        return _Waiter(self.pool, self.job_id, find).run(wait)


@attrs.frozen
class WorkflowRunHandle:
    """A run of a workflow that others do, and whose result is wanted."""

    pool: ConnectionPool[Any] = attrs.field(repr=False)
    run_id: UUID
    scope: Scope = attrs.field(kw_only=True)
    listens: bool = attrs.field(default=True, kw_only=True)

    def get_status(self) -> WorkflowRunStatus:
        """Read in which status the run is. Raises ``workflow.run_not_found``."""
        return get_run_status(self.pool, self.run_id, scope=self.scope)

    def get_run(self) -> WorkflowRunRecord:
        """Read the run whole. Raises ``workflow.run_not_found``."""
        return get_existing_run(self.pool, self.run_id, scope=self.scope)

    def get_result(
        self, *, timeout: float = 300.0, poll_interval: float = 1.0
    ) -> JsonValue:
        """
        Wait for the run to succeed, and return the output of its result step.

        Waits *timeout* seconds at most (0 looks once) and looks every *poll_interval*
        seconds, whether or not a notification comes before that.

        Raises:
            ResultUnsuccessfulError: ``workflow.result_unsuccessful_terminal``.
            ResultTimeoutError: ``workflow.result_wait_timeout``, also a
                `TimeoutError`.
            QueryError: ``workflow.run_not_found``, ``workflow.result_not_declared``,
                ``workflow.result_missing``, ``workflow.invalid_result_wait``,
                ``workflow.handle_storage_error``.
            DatabaseConnectionError: at the first look only.
        """

        def find(connection: psycopg.Connection[Any]) -> Result | None:
            return find_run_result(connection, self.run_id, scope=self.scope)

        wait = waiting(
            "workflow",
            timeout=timeout,
            poll_interval=poll_interval,
            clock=time.monotonic,
            listens=self.listens,
        )
        return _Waiter(self.pool, self.run_id, find).run(wait)


class _Waiter:
    """Do what a wait asks for, one step after the other."""

    def __init__(
        self,
        pool: ConnectionPool[Any],
        target_id: UUID,
        find: Callable[[psycopg.Connection[Any]], Result | None],
    ) -> None:
        self._pool = pool
        self._target_id = target_id
        self._find = find
        self._woken = threading.Event()
        self._watching = ExitStack()
        self._is_watching = False

    def run(self, wait: Waiting) -> JsonValue:
        with self._watching, closing(wait):
            try:
                step = next(wait)
                while True:
                    try:
                        found = self._do(step)
                    except RunledgerError as error:
                        step = wait.throw(error)
                    except psycopg.Error as error:  # the pool had none to give
                        step = wait.throw(translate(error))
                    else:
                        step = wait.send(found)
            except StopIteration as stop:
                value: JsonValue = stop.value
                return value

    def _do(self, step: WaitStep) -> Result | None:
        match step:
            case Look():
                with self._pool.connection(timeout=step.within_seconds) as connection:
                    return self._find(connection)
            case Register():
                self._watch()
                with self._pool.connection(timeout=step.within_seconds) as connection:
                    register_result_waiter(
                        connection, self._target_id, ttl_seconds=step.ttl_seconds
                    )
            case Pause():
                self._woken.wait(max(0.0, step.until - time.monotonic()))
                self._woken.clear()
        return None

    def _watch(self) -> None:
        if not self._is_watching:
            self._is_watching = True
            listener = thread_listener(self._pool)
            self._watching.enter_context(
                listener.watching(self._target_id, self._woken.set)
            )
