"""Wait for results in trio tasks; the storage layer listens and looks in threads."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import trio

from runledger_core import RunledgerError
from runledger_postgres.results import (
    Look,
    Pause,
    Register,
    find_job_result,
    find_run_result,
    get_existing_job,
    get_existing_run,
    get_job_status,
    get_run_status,
    register_result_waiter,
    thread_listener,
    waiting,
)

from ._connect import coded_connection_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    import psycopg

    from runledger_core import JobStatus, JsonValue, Scope, WorkflowRunStatus
    from runledger_postgres import JobRecord, Operation, WorkflowRunRecord
    from runledger_postgres.results import Result, Waiting, WaitStep

    from ._calls import Pool

T = TypeVar("T")


@attrs.frozen
class TrioJobHandle:
    """
    The result of a job, for trio: `runledger_postgres.JobHandle` with ``await``.

    A wait holds no thread and no connection, but for the moments when it looks. A
    cancelled one may leave a look behind in a thread, which changes nothing.
    """

    pool: Pool = attrs.field(repr=False)
    job_id: UUID
    scope: Scope = attrs.field(kw_only=True)
    listens: bool = attrs.field(default=True, kw_only=True)

    async def get_status(self) -> JobStatus:
        """Read in which status the job is. Raises ``job.not_found``."""
        return await _read(self.pool, get_job_status, self.job_id, self.scope)

    async def get_job(self) -> JobRecord:
        """Read the job whole. Raises ``job.not_found``."""
        return await _read(self.pool, get_existing_job, self.job_id, self.scope)

    async def get_result(  # a scope of the host's would cut off the last look
        self,
        *,
        timeout: float = 300.0,  # noqa: ASYNC109
        poll_interval: float = 1.0,
    ) -> JsonValue:
        """Wait as `runledger_postgres.JobHandle.get_result` does."""

        def find(connection: psycopg.Connection[Any]) -> Result | None:
            return find_job_result(connection, self.job_id, scope=self.scope)

        wait = waiting(
            "job",
            timeout=timeout,
            poll_interval=poll_interval,
            clock=trio.current_time,
            listens=self.listens,
        )
        return await _Waiter(self.pool, self.job_id, find).run(wait)


@attrs.frozen
class TrioWorkflowRunHandle:
    """
    The result of a run of a workflow, for trio.

    It is `runledger_postgres.WorkflowRunHandle` with ``await``; see `TrioJobHandle`.
    """

    pool: Pool = attrs.field(repr=False)
    run_id: UUID
    scope: Scope = attrs.field(kw_only=True)
    listens: bool = attrs.field(default=True, kw_only=True)

    async def get_status(self) -> WorkflowRunStatus:
        """Read in which status the run is. Raises ``workflow.run_not_found``."""
        return await _read(self.pool, get_run_status, self.run_id, self.scope)

    async def get_run(self) -> WorkflowRunRecord:
        """Read the run whole. Raises ``workflow.run_not_found``."""
        return await _read(self.pool, get_existing_run, self.run_id, self.scope)

    async def get_result(  # a scope of the host's would cut off the last look
        self,
        *,
        timeout: float = 300.0,  # noqa: ASYNC109
        poll_interval: float = 1.0,
    ) -> JsonValue:
        """Wait as `runledger_postgres.WorkflowRunHandle.get_result` does."""

        def find(connection: psycopg.Connection[Any]) -> Result | None:
            return find_run_result(connection, self.run_id, scope=self.scope)

        wait = waiting(
            "workflow",
            timeout=timeout,
            poll_interval=poll_interval,
            clock=trio.current_time,
            listens=self.listens,
        )
        return await _Waiter(self.pool, self.run_id, find).run(wait)


class _Waiter:
    """Do what a wait asks for, one step after the other."""

    def __init__(
        self,
        pool: Pool,
        target_id: UUID,
        find: Callable[[psycopg.Connection[Any]], Result | None],
    ) -> None:
        self._pool = pool
        self._target_id = target_id
        self._find = find
        self._woken = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        self._watching = ExitStack()
        self._is_watching = False

    async def run(self, wait: Waiting) -> JsonValue:
        with self._watching, closing(wait):
            try:
                step = next(wait)
                while True:
                    try:
                        found = await self._do(step)
                    except RunledgerError as error:
                        step = wait.throw(error)
                    else:
                        step = wait.send(found)
            except StopIteration as stop:
                value: JsonValue = stop.value
                return value

    async def _do(self, step: WaitStep) -> Result | None:
        match step:
            case Look():
                return await _in_thread(self._look, step.within_seconds)
            case Register():
                self._watch()
                await _in_thread(self._register, step)
            case Pause():
                with trio.move_on_at(step.until):
                    await self._woken.wait()
                self._woken = trio.Event()
        return None

    def _look(self, within_seconds: float) -> Result | None:
        with self._pool.connection(timeout=within_seconds) as connection:
            return self._find(connection)

    def _register(self, step: Register) -> None:
        with self._pool.connection(timeout=step.within_seconds) as connection:
            register_result_waiter(
                connection, self._target_id, ttl_seconds=step.ttl_seconds
            )

    def _watch(self) -> None:
        if not self._is_watching:
            self._is_watching = True
            listener = thread_listener(self._pool)
            self._watching.enter_context(listener.watching(self._target_id, self._wake))

    def _wake(self) -> None:
        """Come from the listener's thread."""
        self._token.run_sync_soon(self._set_woken, idempotent=True)

    def _set_woken(self) -> None:
        self._woken.set()


async def _read(
    pool: Pool, operation: Operation[..., T], target_id: UUID, scope: Scope
) -> T:
    return await _in_thread(lambda: operation(pool, target_id, scope=scope))


async def _in_thread(function: Callable[..., T], *args: Any) -> T:
    with coded_connection_errors():  # the pool may have no connection to give
        return await trio.to_thread.run_sync(function, *args, abandon_on_cancel=True)
