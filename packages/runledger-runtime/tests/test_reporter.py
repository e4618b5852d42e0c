"""What handlers report: coalesced, fenced, and written before their jobs end."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from runledger_core import FailureKind, JobFailure, RunledgerError
from runledger_runtime import (
    Failed,
    JobRegistry,
    Succeeded,
)
from runledger_runtime._execution import Execution
from runledger_runtime._held_jobs import CancelReason, HeldJobs
from runledger_runtime._lifecycle import Lifecycle
from runledger_runtime._reporter import Reporter

JOB_ID = UUID(int=1)


class Bench:
    """Handlers, and the reporter behind them."""

    def __init__(self, nursery, ledger, handler):
        registry = JobRegistry()
        registry.register("test.job", handler)
        self.ledger = ledger
        self.held = HeldJobs(10, unsettled_limit=10)
        self.order = []
        self.outcomes = {}
        lifecycle = Lifecycle(nursery, registry)
        self.reporter = Reporter(ledger, lifecycle, timeout_seconds=30)
        self.execution = Execution(
            nursery,
            registry=registry,
            held=self.held,
            settle=self.settle,
            reporter=self.reporter,
            lifecycle=lifecycle,
            catches_interrupts=True,
        )
        nursery.start_soon(self.reporter.run)

    def settle(self, job, outcome):
        self.outcomes[job.lease.job_id.int] = outcome
        self.held.forget(job)

    def start(self):
        self.ledger.add()
        (job,) = self.ledger.due
        self.ledger.due.clear()
        self.ledger.held.add(job.lease)
        self.execution.start([job], lease_until=1e9)
        return job

    async def finish(self):
        await self.held.wait_until(lambda: not self.held)
        await self.reporter.flush()

    @property
    def reports(self):
        """All that was asked to be written, as (done, total, stage, checkpoint)."""
        return [
            (
                each.progress_done,
                each.progress_total,
                each.stage,
                None if each.checkpoint is None else each.checkpoint.value,
            )
            for call in self.ledger.calls["report"]
            for each in call
        ]


@pytest.fixture
def run(ledger):
    """Run one job with a handler, and return what became of it."""

    async def run(handler):
        async with trio.open_nursery() as nursery:
            bench = Bench(nursery, ledger, handler)
            bench.start()
            await bench.finish()
            nursery.cancel_scope.cancel()
        return bench

    return run


async def test_progress_is_written_at_once_and_then_now_and_then(run, clock):
    async def count(context, payload):
        for done in range(1000):
            context.set_progress(done, 1000)
            await trio.sleep(0.01)

    bench = await run(count)

    assert (0, 1000, None, None) == bench.reports[0]
    assert (999, 1000, None, None) == bench.reports[-1]
    assert 35 <= len(bench.reports) <= 45


async def test_reports_of_many_jobs_leave_together(ledger, clock):
    async def work(context, payload):
        context.set_progress(stage="mixing")
        await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        bench = Bench(nursery, ledger, work)
        for _ in range(5):
            bench.start()
        await bench.finish()
        nursery.cancel_scope.cancel()

    assert 5 == len(bench.reports)
    assert len(ledger.calls["report"]) <= 2


async def test_what_was_said_last_is_written_before_a_job_ends(run, ledger):
    async def fail(context, payload):
        context.set_progress(3, total=7, stage="mixing")
        raise ValueError

    bench = await run(fail)

    assert [(3, 7, "mixing", None)] == bench.reports
    assert isinstance(bench.outcomes[1], Failed)


async def test_the_end_waits_for_a_report_that_is_under_way(run, ledger, clock):
    ledger.delays_seconds["report"] = 5
    ended_at = []

    async def work(context, payload):
        context.set_progress(1)
        await trio.sleep(1)
        context.set_progress(2)

    bench = await run(work)
    ended_at.append(trio.current_time())

    assert [1, 2] == [each[0] for each in bench.reports]
    assert [10] == ended_at


async def test_the_end_does_not_wait_for_ever(run, ledger, clock):
    ledger.failures["report"].extend(
        RunledgerError("db.connection_failed") for _ in range(50)
    )

    async def work(context, payload):
        context.set_progress(1)

    bench = await run(work)

    assert isinstance(bench.outcomes[1], Succeeded)
    assert trio.current_time() < 60


async def test_a_checkpoint_is_stored_when_the_call_returns(run, ledger, clock):
    ledger.delays_seconds["report"] = 5
    seen = []

    async def save(context, payload):
        context.set_progress(1)
        await context.save_checkpoint({"page": 3})
        seen.append((trio.current_time(), len(ledger.calls["report"])))
        await context.save_checkpoint(None)

    bench = await run(save)

    assert (5, 1) == seen[0]
    assert [(1, None, None, {"page": 3}), (None, None, None, None)] == bench.reports
    assert ledger.calls["report"][1][0].checkpoint is not None


async def test_a_checkpoint_does_not_wait_for_the_next_beat(run, clock):
    async def save(context, payload):
        for page in range(10):
            await context.save_checkpoint(page)

    await run(save)

    assert trio.current_time() < 0.1


async def test_plain_handlers_report_from_their_threads(run):
    def save(context, payload):
        context.set_progress(1, 2)
        context.save_checkpoint_from_thread([1])
        context.log("stored", page=1)

    bench = await run(save)

    assert [1] == next(each[3] for each in bench.reports if each[3])
    (lines,) = bench.ledger.calls["write_log"]
    assert [("stored", "info", {"page": 1})] == [
        (line.message, line.level, line.fields) for line in lines
    ]
    assert isinstance(bench.outcomes[1], Succeeded)


async def test_each_kind_of_handler_is_told_of_the_other_s_call(run):
    async def wrong(context, payload):
        context.save_checkpoint_from_thread([1])

    def wrong_in_thread(context, payload):
        context.save_checkpoint([1])

    for handler in (wrong, wrong_in_thread):
        bench = await run(handler)
        assert "RuntimeError" in bench.outcomes.popitem()[1].failure.message


@pytest.mark.parametrize("is_plain", [False, True], ids=["async", "plain"])
async def test_a_report_that_finds_the_lease_gone_ends_the_handler(
    run, ledger, caplog, is_plain
):
    went_on = []

    async def work(context, payload):
        ledger.held.clear()
        context.set_progress(1)
        await trio.sleep_forever()

    def work_in_thread(context, payload):
        ledger.held.clear()
        context.save_checkpoint_from_thread([1])
        went_on.append(1)

    bench = await run(work_in_thread if is_plain else work)

    assert {} == bench.outcomes
    assert [] == went_on
    assert "its lease is gone" in caplog.text


async def test_a_job_that_somebody_holds_is_asked_for_again(run, ledger, clock):
    ledger.refused.update({JOB_ID: RunledgerError("job.busy")})

    async def save(context, payload):
        await context.save_checkpoint([1])

    bench = await run(save)

    assert 2 == len(bench.reports)
    assert isinstance(bench.outcomes[1], Succeeded)


async def test_a_checkpoint_that_cannot_be_stored_fails_the_attempt(run, ledger):
    ledger.failures["report"].append(RunledgerError("db.query_failed"))

    async def save(context, payload):
        await context.save_checkpoint([1])

    bench = await run(save)

    failure = bench.outcomes[1].failure
    assert (FailureKind.RETRYABLE, "job.progress_persist_failed") == (
        failure.kind,
        failure.code,
    )


async def test_progress_that_contradicts_the_ledger_costs_no_checkpoint(run, ledger):
    ledger.refused.update({JOB_ID: RunledgerError("job.invalid_progress")})

    async def save(context, payload):
        context.set_progress(9)
        await context.save_checkpoint([1])

    bench = await run(save)

    assert [(9, None, None, [1]), (None, None, None, [1])] == bench.reports
    assert isinstance(bench.outcomes[1], Succeeded)


async def test_a_checkpoint_can_be_saved_on_the_way_out(run, ledger, clock):
    async def work(context, payload):
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await context.save_checkpoint({"page": 9})

    async with trio.open_nursery() as nursery:
        bench = Bench(nursery, ledger, work)
        bench.start()
        await wait_all_tasks_blocked()
        for job in bench.held:
            job.cancel(CancelReason.SHUTDOWN)
        await bench.finish()
        nursery.cancel_scope.cancel()

    assert [(None, None, None, {"page": 9})] == bench.reports


async def test_a_stray_thread_is_told_that_its_job_is_over(run, ledger):
    begun, go_on, ended = (threading.Event() for _ in range(3))
    seen = []

    def stray(context, payload):
        begun.set()
        go_on.wait(10)
        context.set_progress(1)
        try:
            context.save_checkpoint_from_thread([1])
        except BaseException as error:
            seen.append(type(error).__name__)
            raise
        finally:
            ended.set()

    async with trio.open_nursery() as nursery:
        bench = Bench(nursery, ledger, stray)
        bench.start()
        await trio.to_thread.run_sync(begun.wait, 10)
        for job in bench.held:
            job.cancel(CancelReason.TIMEOUT)
        await bench.finish()
        go_on.set()
        await trio.to_thread.run_sync(ended.wait, 10)
        nursery.cancel_scope.cancel()

    assert ["JobCancelledError"] == seen
    assert [] == bench.reports


async def test_a_thread_is_let_go_when_the_worker_ends(ledger):
    ledger.failures["report"].extend(
        RunledgerError("db.connection_failed") for _ in range(9)
    )
    is_waiting, ended = threading.Event(), threading.Event()

    def save(context, payload):
        is_waiting.set()
        try:
            context.save_checkpoint_from_thread([1])
        finally:
            ended.set()

    async with trio.open_nursery() as nursery:
        Bench(nursery, ledger, save).start()
        await trio.to_thread.run_sync(is_waiting.wait, 10)
        nursery.cancel_scope.cancel()

    assert await trio.to_thread.run_sync(ended.wait, 10)


async def test_lines_are_written_in_order_with_their_age(run, ledger, clock):
    async def talk(context, payload):
        context.log("first", level="warning", path={1, 2}.__class__, count=2)
        await trio.sleep(0.05)  # before the first is tried again
        context.log("second")

    ledger.failures["write_log"].append(RunledgerError("db.connection_failed"))
    bench = await run(talk)

    lines = bench.ledger.calls["write_log"][-1]
    assert ["first", "second"] == [line.message for line in lines]
    assert {"count": 2, "path": "<class 'set'>"} == lines[0].fields
    assert 50 == lines[0].age_ms - lines[1].age_ms


async def test_a_handler_that_talks_too_much_is_cut_short(run, caplog):
    async def talk(context, payload):
        for _ in range(10_500):
            context.log("again")

    bench = await run(talk)

    written = sum(len(call) for call in bench.ledger.calls["write_log"])
    assert 10_000 == written
    (record,) = [each for each in caplog.records if each.event == "log_lines.lost"]
    assert 500 == record.count


async def test_progress_that_cannot_be_is_a_mistake_that_is_not_repeated(run):
    async def wrong(context, payload):
        context.set_progress(2, 1)

    bench = await run(wrong)

    failure = bench.outcomes[1].failure
    assert isinstance(failure, JobFailure)
    assert FailureKind.TERMINAL is failure.kind
