"""Running claimed jobs: isolation, time, cancellation, threads and slots."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from uuid import UUID

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from runledger_core import FailureKind, JobCompletion, JobFailure, Lease
from runledger_runtime import Failed, JobContext, JobRegistry, Succeeded
from runledger_runtime._execution import Execution
from runledger_runtime._held_jobs import CancelReason, HeldJobs
from runledger_runtime._lifecycle import Lifecycle
from runledger_runtime._reporter import Reporter

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


def claimed(number: int = 1, **values: object) -> Claimed:
    return Claimed(lease=Lease(UUID(int=number), 1, 1, "w"), **values)


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


async def test_results_are_handed_on(open_bench):
    async def double(context, payload):
        return payload * 2

    async with open_bench(double) as bench:
        bench.start(claimed(1, payload=2), claimed(2, payload=5))
        await bench.finish()

    outputs = {
        number: each.completion.output for number, each in bench.outcomes.items()
    }
    assert {1: 4, 2: 10} == outputs
    assert 100 == bench.held.free_count


async def test_a_plain_handler_runs_in_a_thread_with_the_same_result(open_bench):
    threads = []

    def double(context, payload):
        threads.append(threading.current_thread())
        return payload * 2

    async with open_bench(double) as bench:
        bench.start(claimed(payload=4))
        await bench.finish()

    assert 8 == bench.outcomes[1].completion.output
    assert threading.current_thread() not in threads


async def test_the_context_says_who_where_and_how_often(open_bench, clock):
    seen = []

    async def look(context, payload):
        await trio.sleep(4)
        seen.append((context, context.deadline, context.remaining_seconds()))

    job = claimed(organization_id=UUID(int=7), checkpoint={"at": 3}, max_attempts=5)
    async with open_bench(look) as bench:
        bench.start(job)
        await bench.finish()

    ((context, deadline, remaining),) = seen
    expected = JobContext(
        job_id=UUID(int=1),
        run_number=1,
        attempt=1,
        max_attempts=5,
        organization_id=UUID(int=7),
        worker_id="w",
        job_type="test.job",
        checkpoint={"at": 3},
    )
    assert expected == context
    assert job.lease == context.lease
    assert (10, 6) == (deadline, remaining)


async def test_the_context_of_a_step_has_what_came_before_it(open_bench):
    seen = []

    async def look(context, payload):
        seen.append((context.workflow_run_id, context.step_key, context.inputs))

    step = SimpleNamespace(
        workflow_run_id=UUID(int=9), step_key="report", inputs={"list": [1]}
    )
    async with open_bench(look) as bench:
        bench.start(claimed(1, step=step), claimed(2))
        await bench.finish()

    assert [(UUID(int=9), "report", {"list": [1]}), (None, None, {})] == seen


async def test_every_job_starts_even_if_all_of_them_block(open_bench):
    started = []
    go_on = trio.Event()

    async def block(context, payload):
        started.append(context.job_id.int)
        await go_on.wait()

    async with open_bench(block) as bench:
        bench.start(*(claimed(number) for number in range(50)))
        await wait_all_tasks_blocked()
        assert list(range(50)) == sorted(started)
        assert 50 == bench.held.free_count
        go_on.set()
        await bench.finish()

    assert 50 == len(bench.outcomes)


async def test_handlers_that_do_not_block_share_one_task(open_bench):
    tasks = set()

    async def note(context, payload):
        tasks.add(id(trio.lowlevel.current_task()))

    async with open_bench(note) as bench:
        bench.start(*(claimed(number) for number in range(20)))
        await bench.finish()

    assert len(tasks) <= 2


async def test_other_tasks_run_although_handlers_never_wait(open_bench, monkeypatch):
    monkeypatch.setattr("runledger_runtime._execution._TURN_SECONDS", -1)
    ended_when_other_ran = []

    async def note(context, payload):
        pass

    async with open_bench(note) as bench:
        bench.start(*(claimed(number) for number in range(50)))
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        ended_when_other_ran.append(len(bench.outcomes))
        await bench.finish()

    assert ended_when_other_ran[0] < 50
    assert 50 == len(bench.outcomes)


async def test_context_variables_do_not_leak_into_the_next_job(open_bench):
    tenant = ContextVar("tenant", default="none")
    seen = []

    async def bind(context, payload):
        seen.append(tenant.get())
        tenant.set(f"tenant {payload}")

    async with open_bench(bind) as bench:
        bench.start(*(claimed(number, payload=number) for number in range(10)))
        await bench.finish()

    assert ["none"] * 10 == seen


async def test_an_exception_ends_its_own_job_only(open_bench):
    async def divide(context, payload):
        return 10 / payload

    async with open_bench(divide) as bench:
        bench.start(*(claimed(number, payload=number) for number in range(3)))
        await bench.finish()

    assert "job.handler_exception" == bench.outcomes[0].failure.code
    assert 10 == bench.outcomes[1].completion.output
    assert 5 == bench.outcomes[2].completion.output


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("is_plain", [False, True], ids=["async", "plain"])
async def test_a_panic_ends_its_own_job_only(open_bench, error, is_plain):
    def fail(context, payload):
        if payload:
            raise error

    async def fail_async(context, payload):
        fail(context, payload)

    async with open_bench(fail if is_plain else fail_async) as bench:
        bench.start(claimed(1, payload=True), claimed(2, payload=False))
        await bench.finish()

    assert FailureKind.PANICKED is bench.outcomes[1].failure.kind
    assert Succeeded(claimed(2).lease, JobCompletion()) == bench.outcomes[2]


async def test_ctrl_c_goes_through_where_nobody_else_listens_to_it(open_bench):
    async def interrupted(context, payload):
        raise KeyboardInterrupt

    async def work():
        async with open_bench(interrupted, catches_interrupts=False) as bench:
            bench.start(claimed())
            await bench.finish()

    with pytest.raises(BaseExceptionGroup) as caught:
        await work()

    assert caught.group_contains(KeyboardInterrupt)


async def test_a_job_type_may_name_its_panics(open_bench):
    async def fail(context, payload):
        raise ZeroDivisionError

    async with open_bench(fail, panic_on=[ArithmeticError]) as bench:
        bench.start(claimed())
        await bench.finish()

    assert "job.handler_panic" == bench.outcomes[1].failure.code


@attrs.frozen
class Mail:
    to: str


async def test_a_payload_that_does_not_fit_never_reaches_the_handler(open_bench):
    received = []

    async def send(context, payload: Mail):
        received.append(payload)

    async with open_bench(send) as bench:
        bench.start(claimed(1, payload={"to": "ada"}), claimed(2, payload={"to": 5}))
        await bench.finish()

    assert [Mail("ada")] == received
    assert "job.invalid_payload" == bench.outcomes[2].failure.code
    assert FailureKind.TERMINAL is bench.outcomes[2].failure.kind


async def test_a_job_without_handler_is_a_terminal_failure(open_bench):
    async with open_bench() as bench:
        bench.start(claimed())
        await bench.finish()

    assert "job.handler_not_registered" == bench.outcomes[1].failure.code


async def test_time_is_up_after_the_jobs_timeout(open_bench, clock):
    async def stall(context, payload):
        await trio.sleep(payload)
        return payload

    async with open_bench(stall) as bench:
        bench.start(claimed(1, payload=9), claimed(2, payload=11))
        await bench.finish()

    assert 9 == bench.outcomes[1].completion.output
    assert FailureKind.TIMEOUT is bench.outcomes[2].failure.kind
    assert "job.timeout_exceeded" == bench.outcomes[2].failure.code
    assert 10 == trio.current_time()


async def test_time_counts_from_the_start_of_each_job(open_bench, clock):
    async def stall(context, payload):
        await trio.sleep(8)

    async with open_bench(stall, capacity=1) as bench:
        for number in (1, 2, 3):
            bench.start(claimed(number))
            await bench.finish()

    assert all(isinstance(each, Succeeded) for each in bench.outcomes.values())
    assert 24 == trio.current_time()


async def test_a_timeout_wins_over_what_the_interrupted_handler_returns(
    open_bench, clock
):
    async def swallow(context, payload):
        try:
            await trio.sleep(100)
        except trio.Cancelled:
            return "done"

    async with open_bench(swallow) as bench:
        bench.start(claimed())
        await bench.finish()

    assert "job.timeout_exceeded" == bench.outcomes[1].failure.code


async def test_a_timeout_in_a_handlers_own_nursery_is_a_timeout(open_bench, clock):
    async def fail_late():
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError

    async def spread_out(context, payload):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_late)
            nursery.start_soon(trio.sleep_forever)

    async with open_bench(spread_out) as bench:
        bench.start(claimed())
        await bench.finish()

    assert "job.timeout_exceeded" == bench.outcomes[1].failure.code


async def test_a_failure_in_a_handlers_own_nursery_is_its_failure(open_bench):
    async def fail():
        raise JobFailure.terminal("mail.refused", "no")

    async def spread_out(context, payload):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            nursery.start_soon(trio.sleep_forever)

    async with open_bench(spread_out) as bench:
        bench.start(claimed())
        await bench.finish()

    assert "mail.refused" == bench.outcomes[1].failure.code


async def test_a_lost_lease_cancels_and_nothing_is_written(open_bench):
    cleaned_up = []

    async def stall(context, payload):
        try:
            await trio.sleep_forever()
        finally:
            cleaned_up.append(context.is_cancelled)

    async with open_bench(stall) as bench:
        bench.start(claimed())
        await wait_all_tasks_blocked()
        (job,) = bench.held
        job.cancel(CancelReason.LEASE_LOST)
        await bench.finish()

    assert [True] == cleaned_up
    assert {} == bench.outcomes


async def test_the_first_reason_to_cancel_counts(open_bench):
    async def finish(context, payload):
        with trio.CancelScope(shield=True):
            await asked.wait()

    asked = trio.Event()
    async with open_bench(finish) as bench:
        bench.start(claimed())
        await wait_all_tasks_blocked()
        (job,) = bench.held
        job.cancel(CancelReason.LEASE_LOST)
        job.cancel(CancelReason.SHUTDOWN)
        asked.set()
        await bench.finish()

    assert {} == bench.outcomes


async def test_a_job_cancelled_before_its_turn_never_runs(open_bench):
    ran = []

    async def note(context, payload):
        ran.append(context.job_id.int)

    async with open_bench(note) as bench:
        bench.start(claimed(1), claimed(2))
        next(iter(bench.held)).cancel(CancelReason.LEASE_LOST)
        await bench.finish()

    assert 1 == len(ran)
    assert 100 == bench.held.free_count


async def test_a_result_that_beats_the_shutdown_counts(open_bench):
    async def finish(context, payload):
        with trio.CancelScope(shield=True):
            await asked.wait()
        return "done"

    async def give_in(context, payload):
        await trio.sleep_forever()

    async def break_down(context, payload):
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            raise ValueError from None

    async def report(context, payload):
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return JobFailure.retryable("mail.interrupted", "half sent")

    handlers = [finish, give_in, break_down, report]

    async def dispatch(context, payload):
        return await handlers[payload](context, payload)

    asked = trio.Event()
    async with open_bench(dispatch) as bench:
        bench.start(*(claimed(number, payload=number) for number in range(4)))
        await wait_all_tasks_blocked()
        for job in list(bench.held):
            job.cancel(CancelReason.SHUTDOWN)
        asked.set()
        await bench.finish()

    assert {0, 3} == bench.outcomes.keys()
    assert "done" == bench.outcomes[0].completion.output
    assert "mail.interrupted" == bench.outcomes[3].failure.code


async def test_a_plain_handler_that_asks_is_ended(open_bench):
    may_ask = threading.Event()
    ended = []

    def ask(context, payload):
        may_ask.wait(10)
        try:
            context.raise_if_cancelled()
        finally:
            ended.append(context.is_cancelled)

    async with open_bench(ask, capacity=3) as bench:
        bench.start(claimed())
        await wait_all_tasks_blocked(0.01)
        next(iter(bench.held)).cancel(CancelReason.LEASE_LOST)
        await bench.finish()
        assert 2 == bench.held.free_count
        may_ask.set()
        await bench.held.wait_until(lambda: bench.held.free_count == 3)

    assert [True] == ended
    assert {} == bench.outcomes


async def test_a_plain_handler_past_its_time_keeps_its_slot_until_it_ends(open_bench):
    may_end = threading.Event()

    def stall(context, payload):
        may_end.wait(10)

    async with open_bench(stall, capacity=1) as bench:
        bench.start(claimed(timeout_seconds=0))
        await bench.finish()
        assert "job.timeout_exceeded" == bench.outcomes[1].failure.code
        may_end.set()
        await bench.held.wait_until(lambda: bench.held.free_count == 1)


async def test_a_context_made_by_hand_is_never_cancelled():
    context = JobContext(
        job_id=UUID(int=1),
        run_number=1,
        attempt=1,
        max_attempts=1,
        organization_id=None,
        worker_id="w",
        job_type="test.job",
    )

    context.raise_if_cancelled()

    assert not context.is_cancelled
    assert float("inf") == context.remaining_seconds() == context.deadline


async def test_an_async_handler_that_blocks_the_loop_can_ask_too(open_bench):
    asked = []

    async def ask(context, payload):
        asked.append(context.remaining_seconds())
        context.raise_if_cancelled()

    async with open_bench(ask) as bench:
        bench.start(claimed(timeout_seconds=0))
        await bench.finish()

    assert [0] == asked
    assert isinstance(bench.outcomes[1], Failed)
    assert "job.timeout_exceeded" == bench.outcomes[1].failure.code
