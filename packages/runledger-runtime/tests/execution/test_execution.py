"""Running claimed jobs: isolation, time, cancellation, threads and slots."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from types import SimpleNamespace
from uuid import UUID

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from runledger_core import FailureKind, JobCompletion
from runledger_runtime import JobContext, Succeeded


async def test_results_are_handed_on(open_bench, claimed):
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


async def test_a_plain_handler_runs_in_a_thread_with_the_same_result(
    open_bench, claimed
):
    threads = []

    def double(context, payload):
        threads.append(threading.current_thread())
        return payload * 2

    async with open_bench(double) as bench:
        bench.start(claimed(payload=4))
        await bench.finish()

    assert 8 == bench.outcomes[1].completion.output
    assert threading.current_thread() not in threads


async def test_the_context_says_who_where_and_how_often(open_bench, claimed, clock):
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


async def test_the_context_of_a_step_has_what_came_before_it(open_bench, claimed):
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
    assert [True, False] == [bench.outcomes[number].is_step for number in (1, 2)]


async def test_every_job_starts_even_if_all_of_them_block(open_bench, claimed):
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


async def test_handlers_that_do_not_block_share_one_task(open_bench, claimed):
    tasks = set()

    async def note(context, payload):
        tasks.add(id(trio.lowlevel.current_task()))

    async with open_bench(note) as bench:
        bench.start(*(claimed(number) for number in range(20)))
        await bench.finish()

    assert len(tasks) <= 2


async def test_other_tasks_run_although_handlers_never_wait(
    open_bench, claimed, monkeypatch
):
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


async def test_context_variables_do_not_leak_into_the_next_job(open_bench, claimed):
    tenant = ContextVar("tenant", default="none")
    seen = []

    async def bind(context, payload):
        seen.append(tenant.get())
        tenant.set(f"tenant {payload}")

    async with open_bench(bind) as bench:
        bench.start(*(claimed(number, payload=number) for number in range(10)))
        await bench.finish()

    assert ["none"] * 10 == seen


async def test_an_exception_ends_its_own_job_only(open_bench, claimed):
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
async def test_a_panic_ends_its_own_job_only(open_bench, claimed, error, is_plain):
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


async def test_ctrl_c_goes_through_where_nobody_else_listens_to_it(open_bench, claimed):
    async def interrupted(context, payload):
        raise KeyboardInterrupt

    async def work():
        async with open_bench(interrupted, catches_interrupts=False) as bench:
            bench.start(claimed())
            await bench.finish()

    with pytest.raises(BaseExceptionGroup) as caught:
        await work()

    assert caught.group_contains(KeyboardInterrupt)


async def test_a_job_type_may_name_its_panics(open_bench, claimed):
    async def fail(context, payload):
        raise ZeroDivisionError

    async with open_bench(fail, panic_on=[ArithmeticError]) as bench:
        bench.start(claimed())
        await bench.finish()

    assert "job.handler_panic" == bench.outcomes[1].failure.code


@attrs.frozen
class Mail:
    to: str


async def test_a_payload_that_does_not_fit_never_reaches_the_handler(
    open_bench, claimed
):
    received = []

    async def send(context, payload: Mail):
        received.append(payload)

    async with open_bench(send) as bench:
        bench.start(claimed(1, payload={"to": "ada"}), claimed(2, payload={"to": 5}))
        await bench.finish()

    assert [Mail("ada")] == received
    assert "job.invalid_payload" == bench.outcomes[2].failure.code
    assert FailureKind.TERMINAL is bench.outcomes[2].failure.kind


async def test_a_job_without_handler_is_a_terminal_failure(open_bench, claimed):
    async with open_bench() as bench:
        bench.start(claimed())
        await bench.finish()

    assert "job.handler_not_registered" == bench.outcomes[1].failure.code
