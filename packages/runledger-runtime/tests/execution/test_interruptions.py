"""What ends a handler before its time: timeouts, lost leases, a shutdown."""

from __future__ import annotations

import threading
from uuid import UUID

import trio
from trio.testing import wait_all_tasks_blocked

from runledger_core import FailureKind, JobFailure
from runledger_runtime import Failed, JobContext, Succeeded
from runledger_runtime._held_jobs import CancelReason


async def test_time_is_up_after_the_jobs_timeout(open_bench, claimed, clock):
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


async def test_time_counts_from_the_start_of_each_job(open_bench, claimed, clock):
    async def stall(context, payload):
        await trio.sleep(8)

    async with open_bench(stall, capacity=1) as bench:
        for number in (1, 2, 3):
            bench.start(claimed(number))
            await bench.finish()

    assert all(isinstance(each, Succeeded) for each in bench.outcomes.values())
    assert 24 == trio.current_time()


async def test_a_timeout_wins_over_what_the_interrupted_handler_returns(
    open_bench, claimed, clock
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


async def test_a_timeout_in_a_handlers_own_nursery_is_a_timeout(
    open_bench, claimed, clock
):
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


async def test_a_failure_in_a_handlers_own_nursery_is_its_failure(open_bench, claimed):
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


async def test_a_lost_lease_cancels_and_nothing_is_written(open_bench, claimed):
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


async def test_the_first_reason_to_cancel_counts(open_bench, claimed):
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


async def test_a_job_cancelled_before_its_turn_never_runs(open_bench, claimed):
    ran = []

    async def note(context, payload):
        ran.append(context.job_id.int)

    async with open_bench(note) as bench:
        bench.start(claimed(1), claimed(2))
        next(iter(bench.held)).cancel(CancelReason.LEASE_LOST)
        await bench.finish()

    assert 1 == len(ran)
    assert 100 == bench.held.free_count


async def test_a_result_that_beats_the_shutdown_counts(open_bench, claimed):
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


async def test_a_plain_handler_that_asks_is_ended(open_bench, claimed):
    has_begun, may_ask = threading.Event(), threading.Event()
    ended = []

    def ask(context, payload):
        has_begun.set()
        may_ask.wait(10)
        try:
            context.raise_if_cancelled()
        finally:
            ended.append(context.is_cancelled)

    async with open_bench(ask, capacity=3) as bench:
        bench.start(claimed())
        assert await trio.to_thread.run_sync(has_begun.wait, 10)
        next(iter(bench.held)).cancel(CancelReason.LEASE_LOST)
        await bench.finish()
        assert 2 == bench.held.free_count
        may_ask.set()
        await bench.held.wait_until(lambda: bench.held.free_count == 3)

    assert [True] == ended
    assert {} == bench.outcomes


async def test_a_plain_handler_past_its_time_keeps_its_slot_until_it_ends(
    open_bench, claimed
):
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


async def test_an_async_handler_that_blocks_the_loop_can_ask_too(open_bench, claimed):
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
