"""The worker loop: capacity, rhythm, idleness, outages and the phases of its end."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from runledger_core import JobFailure, RunledgerError
from runledger_runtime import (
    JobRegistry,
    RuntimeLoopExit,
    Stop,
    Succeeded,
    run_worker_loop,
)


def unreachable() -> RunledgerError:
    return RunledgerError("db.connection_failed")


@pytest.fixture
def stop():
    return Stop()


@pytest.fixture
def work(ledger, stop, make_config):
    """Run the loop with one handler until it ends by itself or is stopped."""

    async def work(handler, *, is_idle_the_end=True, task_status=None, **settings):
        registry = JobRegistry()
        registry.register("test.job", handler)
        return await run_worker_loop(
            ledger,
            registry,
            make_config(**settings),
            stop,
            stop_when_idle=is_idle_the_end,
            task_status=task_status or trio.TASK_STATUS_IGNORED,
        )

    return work


async def nothing(context, payload):
    pass


async def test_it_works_until_nothing_is_due(work, ledger):
    for _ in range(100):
        ledger.add()

    loop_exit = await work(nothing)

    assert RuntimeLoopExit.COMPLETED is loop_exit
    assert 100 == len(ledger.outcomes)
    assert not ledger.held


async def test_a_job_that_enqueues_another_is_not_the_last(work, ledger, clock):
    async def enqueue(context, payload):
        await trio.sleep(3)
        if payload["more"]:
            ledger.add(payload={"more": payload["more"] - 1})

    ledger.add(payload={"more": 2})

    await work(enqueue)

    assert 3 == len(ledger.outcomes)


async def test_only_jobs_of_registered_types_are_claimed(work, ledger):
    ledger.add("other.job")
    ledger.add()

    await work(nothing)

    assert 1 == len(ledger.outcomes)
    assert 1 == len(ledger.due)


async def test_no_more_is_claimed_than_can_be_started(work, ledger, clock):
    running = [0]
    most = [0]

    async def count(context, payload):
        running[0] += 1
        most[0] = max(most[0], running[0])
        await trio.sleep(1)
        running[0] -= 1

    for _ in range(20):
        ledger.add()

    await work(count, max_global_concurrency=4, claim_batch_size=3)

    assert [4] == most
    assert 20 == len(ledger.outcomes)
    assert {1, 2, 3} >= set(ledger.calls["claim"])
    assert pytest.approx(5, abs=0.5) == trio.current_time()


async def test_a_full_claim_is_followed_by_the_next_at_once(work, ledger, stop, clock):
    async def count(context, payload):
        if not ledger.due:
            stop.request()

    for _ in range(64):
        ledger.add()

    await work(count, is_idle_the_end=False, claim_batch_size=16)

    assert 64 == len(ledger.outcomes)
    assert 0 == trio.current_time()


async def test_an_idle_worker_asks_at_its_interval_give_or_take(
    work, ledger, stop, clock
):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_work_on, work)
        await trio.sleep(100)
        stop.request()

    assert 170 < len(ledger.calls["claim"]) < 240


async def _work_on(work):
    await work(nothing, is_idle_the_end=False)


async def test_claims_overlap_with_running_and_settling(work, ledger, clock):
    ledger.delays_seconds.update(claim=1, settle=1)

    async def take_a_second(context, payload):
        await trio.sleep(1)

    for _ in range(30):
        ledger.add()

    await work(take_a_second, max_global_concurrency=30, claim_batch_size=10)

    # One after the other it would take nine seconds, and one for the last claim.
    assert trio.current_time() <= 7


async def test_claims_do_not_run_ahead_of_completions(work, ledger, clock):
    ledger.delays_seconds["settle"] = 10
    most_held = [0]

    async def note(context, payload):
        most_held[0] = max(most_held[0], len(ledger.held))

    for _ in range(500):
        ledger.add()

    await work(note, max_global_concurrency=20, claim_batch_size=5)

    assert 20 < most_held[0] <= 30
    assert 500 == len(ledger.outcomes)


async def test_an_outage_is_ridden_out(work, ledger, clock, caplog):
    ledger.add()
    ledger.failures["claim"].extend(unreachable() for _ in range(6))
    ledger.failures["settle"].extend(unreachable() for _ in range(3))

    await work(nothing)

    assert 1 == len(ledger.outcomes)
    assert "no jobs were claimed; db.connection_failed" in caplog.text


async def test_a_claim_that_is_under_way_at_the_stop_is_given_back(
    work, ledger, stop, clock
):
    ledger.delays_seconds["claim"] = 2
    ledger.add()
    exits = []

    async def work_on():
        exits.append(await work(nothing, is_idle_the_end=False))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work_on)
        await trio.sleep(1)
        stop.request()

    assert {} == ledger.outcomes
    assert [RuntimeLoopExit.SHUTDOWN] == exits
    assert 1 == len(ledger.calls["claim"])
    assert 1 == len(ledger.calls["release"])
    assert not ledger.held


async def test_a_stop_is_heard_under_full_load(work, ledger, stop, clock):
    async def keep_it_full(context, payload):
        ledger.add()
        if len(ledger.outcomes) > 1000:
            stop.request()

    for _ in range(64):
        ledger.add()

    await work(keep_it_full, is_idle_the_end=False)

    assert ledger.due
    assert not ledger.held


async def test_a_cancellation_is_heard_under_full_load(work, ledger):
    async def keep_it_full(context, payload):
        ledger.add()
        if len(ledger.outcomes) > 1000:
            scope.cancel()

    for _ in range(64):
        ledger.add()

    with trio.CancelScope() as scope:
        await work(keep_it_full, is_idle_the_end=False)

    assert scope.cancelled_caught


async def test_jobs_that_run_may_finish_within_the_grace(work, ledger, stop, clock):
    async def stall(context, payload):
        stop.request()
        await trio.sleep(20)

    ledger.add()

    loop_exit = await work(stall, shutdown_grace_seconds=25)

    assert RuntimeLoopExit.SHUTDOWN is loop_exit
    assert 1 == len(ledger.outcomes)
    assert 20 == trio.current_time()


async def test_jobs_that_run_beyond_the_grace_are_cancelled(
    work, ledger, stop, clock, caplog
):
    async def stall(context, payload):
        stop.request()
        await trio.sleep(payload["seconds"])

    ledger.add(payload={"seconds": 10})
    ledger.add(payload={"seconds": 1000})

    loop_exit = await work(stall, shutdown_grace_seconds=25)

    assert RuntimeLoopExit.INTERRUPTED is loop_exit
    assert 1 == len(ledger.outcomes)
    assert 1 == len(ledger.held)
    assert 25 == trio.current_time()
    assert "cancelling jobs that did not finish in time: 1" in caplog.text


async def test_leases_are_kept_while_the_grace_lasts(work, ledger, stop, clock):
    async def stall(context, payload):
        stop.request()
        await trio.sleep(200)

    ledger.add(timeout_seconds=900)

    loop_exit = await work(stall, shutdown_grace_seconds=300, lease_ttl_seconds=60)

    assert RuntimeLoopExit.SHUTDOWN is loop_exit
    assert isinstance(next(iter(ledger.outcomes.values())), Succeeded)


async def test_an_urgent_stop_waits_for_nothing(work, ledger, stop, clock):
    async def stall(context, payload):
        await trio.sleep(1000)

    ledger.add()
    exits = []

    async def work_on():
        exits.append(await work(stall, is_idle_the_end=False))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work_on)
        await trio.sleep(5)
        stop.request()
        await trio.sleep(2)
        stop.request_urgently()

    assert [RuntimeLoopExit.INTERRUPTED] == exits
    assert 7 == trio.current_time()


async def test_an_urgent_stop_still_settles_what_has_ended(work, ledger, stop, clock):
    ledger.delays_seconds["settle"] = 0.5
    ledger.add()

    async def finish(context, payload):
        stop.request_urgently()

    await work(finish)

    assert 1 == len(ledger.outcomes)


async def test_an_urgent_stop_leaves_a_second_to_clean_up(work, ledger, stop, clock):
    async def clean_up(context, payload):
        stop.request_urgently()
        try:
            await trio.sleep(1000)
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.5)
            return JobFailure.retryable("test.interrupted", "half done")

    ledger.add()

    await work(clean_up)

    (outcome,) = ledger.outcomes.values()
    assert "test.interrupted" == outcome.failure.code


async def test_outcomes_that_cannot_be_settled_do_not_hold_the_end_up(
    work, ledger, stop, clock
):
    ledger.failures["settle"].extend(unreachable() for _ in range(1000))
    ledger.add()

    async def finish(context, payload):
        stop.request()

    loop_exit = await work(finish, database_timeout_seconds=30)

    assert RuntimeLoopExit.INTERRUPTED is loop_exit
    assert trio.current_time() <= 31


async def test_a_handler_that_swallows_its_cancellation_is_named(
    work, ledger, stop, clock, caplog
):
    async def swallow(context, payload):
        stop.request()
        with trio.CancelScope(shield=True):
            await trio.sleep(100)

    job_id = ledger.add()

    await work(swallow, shutdown_grace_seconds=1, cancel_grace_seconds=5)

    assert f"job {job_id} (test.job) swallows its cancellation" in caplog.text


async def test_a_lost_lease_cancels_the_handler(work, ledger, clock):
    ended_at = []

    async def stall(context, payload):
        ledger.held.clear()
        try:
            await trio.sleep(500)
        finally:
            ended_at.append(trio.current_time())

    ledger.add()

    loop_exit = await work(stall, lease_ttl_seconds=60)

    assert RuntimeLoopExit.COMPLETED is loop_exit
    assert [20] == ended_at
    assert {} == ledger.outcomes


async def test_it_tells_when_it_has_begun(work, ledger, stop):
    async def work_on(task_status):
        await work(nothing, is_idle_the_end=False, task_status=task_status)

    async with trio.open_nursery() as nursery:
        await nursery.start(work_on)
        await wait_all_tasks_blocked()
        stop.request()

    assert 1 == len(ledger.calls["claim"])


async def test_settings_that_cannot_be_used_are_refused(work, raises_code):
    with raises_code("config.invalid_value"):
        await work(nothing, poll_interval_ms=0)
