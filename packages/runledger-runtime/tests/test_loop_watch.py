"""A handler that blocks the event loop: who it is, and what becomes of the leases."""

from __future__ import annotations

import threading
import time

import pytest
import trio
import trio.testing

from runledger_runtime import JobRegistry, Stop, Succeeded, run_worker_loop
from runledger_runtime._held_jobs import CancelReason, HeldJob, HeldJobs
from runledger_runtime._loop_watch import LoopWatch

TTL_SECONDS = 60


@pytest.fixture
def held():
    return HeldJobs(100, unsettled_limit=100)


@pytest.fixture
def hold(ledger, held):
    """Hold a job that runs, or has not begun."""

    def hold(*, has_begun=True, timeout_seconds=900):
        ledger.add(timeout_seconds=timeout_seconds)
        fake = ledger.due.popleft()
        ledger.held.add(fake.lease)
        job = HeldJob(fake, trio.current_time() + TTL_SECONDS)
        held.add(job)
        if has_begun:
            job.is_async = True
            job.begin(trio.CancelScope(), trio.lowlevel.current_clock())
        return job

    return hold


@pytest.fixture
def watch(ledger, held):
    """A watch over a loop that has not turned since second 0 of its own clock."""
    watch = LoopWatch(ledger, held, lease_ttl_seconds=TTL_SECONDS)
    watch._turned_at = 0.0
    watch._loop_thread_id = threading.get_ident()
    return watch


@pytest.fixture
def look(watch):
    """Let the watch look at a moment of both clocks."""

    def look(seconds):
        watch._clock = trio.lowlevel.current_clock()
        watch.one_look(seconds)

    return look


async def test_a_loop_that_turns_is_left_alone(look, hold, ledger, caplog):
    hold()

    look(9.9)

    assert [] == ledger.calls["renew_from_thread"]
    assert "" == caplog.text


async def test_leases_are_renewed_at_once_and_at_every_third(
    look, hold, ledger, caplog, clock
):
    job = hold()

    for seconds in (10, 12, 29, 31, 33, 52):
        look(seconds)

    assert [[job.lease]] * 3 == ledger.calls["renew_from_thread"]
    assert 1 == caplog.text.count("the event loop has not turned for 10.0 s")
    assert f"one of job {job.lease.job_id} (test.job)" in caplog.text
    assert "test_leases_are_renewed_at_once_and_at_every_third" in caplog.text


async def test_the_keeper_is_told_of_what_was_renewed(look, hold, clock):
    job = hold()
    await trio.sleep(30)

    look(10)

    assert 30 + TTL_SECONDS == job.lease_until


async def test_a_loop_that_turns_again_is_noted(look, watch, hold, caplog):
    hold()
    look(10)

    watch._turned_at = 15.0
    look(15.5)
    look(20)

    assert 1 == caplog.text.count("the event loop turns again, after 15.0 s")


async def test_a_process_that_hangs_beyond_its_timeouts_loses_its_jobs(
    look, hold, ledger, clock
):
    hold(timeout_seconds=40)
    unstarted = hold(has_begun=False)
    lost = hold()
    lost.cancel_reason = CancelReason.LEASE_LOST
    lost.deadline = 40
    await trio.sleep(39)
    look(39)
    await trio.sleep(2)
    look(70)

    (renewed,) = ledger.calls["renew_from_thread"]
    assert 2 == len(renewed)
    assert unstarted.lease in renewed
    assert lost.lease not in renewed


@pytest.fixture
def run_blocking(ledger, make_config):
    """Run one job, whose handler blocks the loop beyond the watch's patience."""

    async def run_blocking(handler):
        registry = JobRegistry()
        registry.register("test.job", handler)
        job_id = ledger.add()
        await run_worker_loop(
            ledger,
            registry,
            make_config(lease_ttl_seconds=3, poll_interval_ms=10),
            Stop(),
            stop_when_idle=True,
        )
        return job_id

    return run_blocking


def block(ledger, caplog):
    """Block this thread until the other has renewed the leases, and said so."""
    deadline = time.monotonic() + 20
    while not (
        ledger.calls["renew_from_thread"] and "loop has not turned" in caplog.text
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # what is tested: a handler that does not let trio turn


async def test_the_job_that_blocks_is_named_with_its_stack(
    run_blocking, ledger, caplog
):
    async def blocking_handler(context, payload):
        block(ledger, caplog)

    job_id = await run_blocking(blocking_handler)

    assert isinstance(ledger.outcomes[job_id], Succeeded)
    assert f"job {job_id} (test.job) blocks it" in caplog.text
    assert "blocking_handler" in caplog.text


async def test_a_job_whose_nursery_blocks_is_named_too(run_blocking, ledger, caplog):
    async def blocking_child():
        block(ledger, caplog)

    async def handler(context, payload):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(blocking_child)

    job_id = await run_blocking(handler)

    assert f"job {job_id} (test.job) blocks it" in caplog.text


async def test_nobody_is_named_who_has_nothing_to_do_with_it(look, held, caplog):
    look(10)

    assert "no job's handler seems to be the reason" in caplog.text


def test_the_watch_ends_with_the_loop(ledger, held):
    watch = LoopWatch(ledger, held, lease_ttl_seconds=1)

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run)
            await trio.testing.wait_all_tasks_blocked()
            thread = next(t for t in threading.enumerate() if "loop watch" in t.name)
            nursery.cancel_scope.cancel()
        return thread

    thread = trio.run(main)

    thread.join(10)
    assert not thread.is_alive()
