"""Jobs in the hands of an execution, without a database."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import attrs
import pytest
import trio

from runledger_core import Lease
from runledger_runtime import JobRegistry
from runledger_runtime._execution import Execution
from runledger_runtime._held_jobs import HeldJobs
from runledger_runtime._lifecycle import Lifecycle
from runledger_runtime._reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable


LEASE_UNTIL = 1e9


@attrs.frozen(kw_only=True)
class Claimed:
    lease: Lease
    job_type: str = "test.job"
    organization_id: UUID | None = None
    payload: object = None
    checkpoint: object = None
    max_attempts: int = 8
    timeout_seconds: int = 10
    waited_seconds: float = 0.0
    trace_context: object = None
    step: object = None


@pytest.fixture
def claimed() -> Callable[..., Claimed]:
    """Make a job as a claim returns it."""

    def claimed(number: int = 1, **values: object) -> Claimed:
        return Claimed(lease=Lease(UUID(int=number), 1, 1, "w"), **values)

    return claimed


class Bench:
    """An execution with its surroundings."""

    def __init__(
        self, nursery, ledger, registry, capacity, *, catches_interrupts, observers=()
    ):
        self.held = HeldJobs(capacity, unsettled_limit=100)
        self.outcomes = {}
        lifecycle = Lifecycle(nursery, registry, observers)
        self.reporter = Reporter(ledger, lifecycle, timeout_seconds=30)
        nursery.start_soon(self.reporter.run)
        self.execution = Execution(
            nursery,
            registry=registry,
            held=self.held,
            settle=self.settle,
            reporter=self.reporter,
            lifecycle=lifecycle,
            catches_interrupts=catches_interrupts,
        )

    def settle(self, job, outcome):
        self.outcomes[job.lease.job_id.int] = outcome
        self.held.forget(job)

    def start(self, *jobs):
        self.execution.start(jobs, lease_until=LEASE_UNTIL)

    async def finish(self):
        await self.held.wait_until(lambda: not self.held)


@pytest.fixture
def open_bench(ledger):
    @asynccontextmanager
    async def open_bench(
        handler=None,
        *,
        capacity=100,
        catches_interrupts=True,
        observers=(),
        **settings,
    ):
        registry = JobRegistry()
        if handler is not None:
            registry.register("test.job", handler, **settings)
        async with trio.open_nursery() as nursery:
            yield Bench(
                nursery,
                ledger,
                registry,
                capacity,
                catches_interrupts=catches_interrupts,
                observers=observers,
            )
            nursery.cancel_scope.cancel()

    return open_bench
