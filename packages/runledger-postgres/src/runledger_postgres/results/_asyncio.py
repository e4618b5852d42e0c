"""Wait for results in asyncio tasks; each is the twin of one in `_blocking`."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, closing, suppress
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
from ._listener_task import task_listener
from ._wait import Look, Pause, Register, waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from psycopg_pool import AsyncConnectionPool

    from runledger_core import JobStatus, JsonValue, Scope, WorkflowRunStatus

    from ..records import JobRecord
    from ..workflows import WorkflowRunRecord
    from ._ends import Result
    from ._wait import Waiting, WaitStep


@attrs.frozen
class AsyncJobHandle:
    """A `JobHandle` for asyncio."""

    pool: AsyncConnectionPool[Any] = attrs.field(repr=False)
    job_id: UUID
    scope: Scope = attrs.field(kw_only=True)
    listens: bool = attrs.field(default=True, kw_only=True)

    async def get_status(self) -> JobStatus:
        """Read in which status the job is. Raises ``job.not_found``."""
        return await get_job_status(self.pool, self.job_id, scope=self.scope)

    async def get_job(self) -> JobRecord:
        """Read the job whole. Raises ``job.not_found``."""
        return await get_existing_job(self.pool, self.job_id, scope=self.scope)

    async def get_result(  # a scope of the host's would cut off the last look
        self,
        *,
        timeout: float = 300.0,  # noqa: ASYNC109
        poll_interval: float = 1.0,
    ) -> JsonValue:
        """Wait as `JobHandle.get_result` does, with the same errors."""

        async def find(connection: psycopg.AsyncConnection[Any]) -> Result | None:
            return await find_job_result(connection, self.job_id, scope=self.scope)

        wait = waiting(
            "job",
            timeout=timeout,
            poll_interval=poll_interval,
            clock=asyncio.get_running_loop().time,
            listens=self.listens,
        )
        return await _Waiter(self.pool, self.job_id, find).run(wait)


@attrs.frozen
class AsyncWorkflowRunHandle:
    """A `WorkflowRunHandle` for asyncio."""

    pool: AsyncConnectionPool[Any] = attrs.field(repr=False)
    run_id: UUID
    scope: Scope = attrs.field(kw_only=True)
    listens: bool = attrs.field(default=True, kw_only=True)

    async def get_status(self) -> WorkflowRunStatus:
        """Read in which status the run is. Raises ``workflow.run_not_found``."""
        return await get_run_status(self.pool, self.run_id, scope=self.scope)

    async def get_run(self) -> WorkflowRunRecord:
        """Read the run whole. Raises ``workflow.run_not_found``."""
        return await get_existing_run(self.pool, self.run_id, scope=self.scope)

    async def get_result(  # a scope of the host's would cut off the last look
        self,
        *,
        timeout: float = 300.0,  # noqa: ASYNC109
        poll_interval: float = 1.0,
    ) -> JsonValue:
        """Wait as `WorkflowRunHandle.get_result` does, with the same errors."""

        async def find(connection: psycopg.AsyncConnection[Any]) -> Result | None:
            return await find_run_result(connection, self.run_id, scope=self.scope)

        wait = waiting(
            "workflow",
            timeout=timeout,
            poll_interval=poll_interval,
            clock=asyncio.get_running_loop().time,
            listens=self.listens,
        )
        return await _Waiter(self.pool, self.run_id, find).run(wait)


class _Waiter:
    """Do what a wait asks for, one step after the other."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        target_id: UUID,
        find: Callable[[psycopg.AsyncConnection[Any]], Awaitable[Result | None]],
    ) -> None:
        self._pool = pool
        self._target_id = target_id
        self._find = find
        self._woken = asyncio.Event()
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
                    except psycopg.Error as error:  # the pool had none to give
                        step = wait.throw(translate(error))
                    else:
                        step = wait.send(found)
            except StopIteration as stop:
                value: JsonValue = stop.value
                return value

    async def _do(self, step: WaitStep) -> Result | None:
        match step:
            case Look():
                async with self._pool.connection(
                    timeout=step.within_seconds
                ) as connection:
                    return await self._find(connection)
            case Register():
                self._watch()
                async with self._pool.connection(
                    timeout=step.within_seconds
                ) as connection:
                    await register_result_waiter(
                        connection, self._target_id, ttl_seconds=step.ttl_seconds
                    )
            case Pause():
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(step.until):
                        await self._woken.wait()
                self._woken.clear()
        return None

    def _watch(self) -> None:
        if not self._is_watching:
            self._is_watching = True
            listener = task_listener(self._pool)
            self._watching.enter_context(
                listener.watching(self._target_id, self._woken.set)
            )
