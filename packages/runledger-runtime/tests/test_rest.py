"""How an idle worker sleeps, what wakes it, and whom it wakes instead."""

from __future__ import annotations

from contextlib import asynccontextmanager
from uuid import UUID

import pytest
import trio

from runledger_core import RunledgerError
from runledger_postgres import ClaimedStep
from runledger_runtime import JobRegistry, Stop, run_worker_loop


@pytest.fixture
def working(ledger, make_config):
    """Run a worker beside the body, and stop it at the end; notes when jobs begin."""

    @asynccontextmanager
    async def working(handler=None, limits=None, **settings):
        stop = Stop()
        begun = []

        async def note(context, payload):
            begun.append(trio.current_time())
            await trio.sleep(payload.get("seconds", 0))

        registry = JobRegistry()
        for job_type, limit in {"test.job": None, **(limits or {})}.items():
            registry.register(job_type, handler or note, max_concurrency=limit)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                run_worker_loop, ledger, registry, make_config(**settings), stop
            )
            yield begun
            stop.request()

    return working


@pytest.fixture
def notifying(ledger):
    """A ledger whose notifications arrive."""
    ledger.is_notifying = True
    return ledger


async def test_a_worker_that_is_woken_starts_the_job_at_once(working, notifying, clock):
    async with working() as begun:
        await trio.sleep(100)
        notifying.add()
        notifying.wake()
        await trio.sleep(0.001)

        assert [100] == begun


async def test_an_idle_worker_looks_ever_more_seldom(working, notifying, clock):
    async with working(poll_interval_ms=500, idle_poll_max_ms=5000):
        await trio.sleep(60)
        first = len(notifying.calls["fall_asleep"])
        await trio.sleep(600)

    assert first < 25
    assert 96 < len(notifying.calls["fall_asleep"]) - first < 160
    # Looking is enough: it claims only when there is something.
    assert len(notifying.calls["claim"]) < 5


async def test_a_job_that_nobody_told_of_is_found_by_looking(working, notifying, clock):
    async with working() as begun:
        await trio.sleep(100)
        notifying.add()
        await trio.sleep(10)

        assert 100 < begun[0] < 106.25


async def test_a_job_that_becomes_due_starts_on_time(working, notifying, clock):
    async with working(idle_poll_max_ms=60_000) as begun:
        await trio.sleep(1000)
        notifying.next_due_seconds = 3.0
        notifying.wake()
        await trio.sleep(2.999)
        notifying.add()
        notifying.next_due_seconds = float("inf")
        await trio.sleep(0.002)

    assert [1003] == begun


async def test_a_due_job_that_cannot_be_had_is_asked_for_now_and_then(
    working, notifying, clock
):
    async with working():
        await trio.sleep(10)
        before = len(notifying.calls["claim"])
        notifying.next_due_seconds = 0.0  # somebody else holds its row
        await trio.sleep(60)

    assert 50 < len(notifying.calls["claim"]) - before < 170


async def test_it_falls_asleep_and_looks_once_more(working, notifying, clock):
    async with working():
        await trio.sleep(100)
        notifying.add()
        notifying.wake()
        before = len(notifying.calls["fall_asleep"])
        await trio.sleep(0.015)

        assert 2 == len(notifying.calls["fall_asleep"]) - before


async def test_a_steady_stream_of_jobs_needs_no_notifications(
    working, notifying, clock
):
    async with working() as begun:
        await trio.sleep(100)
        notifying.add()
        notifying.wake()
        asleep_before = len(notifying.calls["fall_asleep"])
        for _ in range(50):
            await trio.sleep(0.004)
            notifying.add()
        await trio.sleep(0.004)

        assert 50 < len(begun) + len(notifying.due)
        assert len(notifying.due) <= 2
        assert asleep_before == len(notifying.calls["fall_asleep"])


STEP = ClaimedStep(UUID(int=1), "first")


async def test_while_steps_end_it_waits_for_what_they_release(
    working, notifying, clock
):
    notifying.delays_seconds["settle"] = 0.02
    async with working() as begun:
        await trio.sleep(100)
        notifying.add(step=STEP)
        notifying.wake()
        asleep_before = len(notifying.calls["fall_asleep"])
        await trio.sleep(0.015)
        notifying.add()
        await trio.sleep(0.006)

        assert asleep_before == len(notifying.calls["fall_asleep"])
        assert [100, pytest.approx(100.02)] == begun


async def test_steps_that_take_long_to_end_do_not_keep_it_awake(
    working, notifying, clock
):
    notifying.delays_seconds["settle"] = 5
    async with working():
        await trio.sleep(100)
        notifying.add(step=STEP)
        notifying.wake()
        await trio.sleep(0.05)

        assert notifying.is_asleep


async def test_plain_jobs_that_end_are_not_waited_for(working, notifying, clock):
    notifying.delays_seconds["settle"] = 5
    async with working():
        await trio.sleep(100)
        notifying.add()
        notifying.wake()
        await trio.sleep(0.015)

        assert notifying.is_asleep


async def test_work_that_was_found_marks_it_as_awake(working, notifying, clock):
    async with working():
        await trio.sleep(100)
        notifying.add()
        notifying.wake()
        await trio.sleep(0.1)

        assert ["worker-1"] == notifying.calls["awake"]
        assert [] == notifying.calls["wake_another"]


async def test_work_for_more_than_one_wakes_the_next(working, notifying, clock):
    async with working(max_global_concurrency=2):
        await trio.sleep(100)
        for _ in range(3):
            notifying.add(payload={"seconds": 50})
        notifying.wake()
        await trio.sleep(0.1)

        assert 1 == len(notifying.calls["wake_another"])


async def test_a_busy_worker_passes_on_what_it_hears(working, notifying, clock):
    async with working(max_global_concurrency=1):
        notifying.add(payload={"seconds": 50})
        await trio.sleep(1)
        before = len(notifying.calls["wake_another"])
        notifying.wake()
        await trio.sleep(1)

        assert 1 == len(notifying.calls["wake_another"]) - before


async def test_a_worker_that_stops_passes_on_what_it_was_woken_for(
    working, notifying, clock
):
    async with working(max_global_concurrency=1):
        await trio.sleep(10)
        notifying.delays_seconds["claim"] = 1
        notifying.wake()
        await trio.sleep(0.5)
        notifying.wake()

    assert ["worker-1"] == notifying.calls["awake"]
    assert 1 == len(notifying.calls["wake_another"])


async def test_without_notifications_it_polls_at_its_interval(
    working, ledger, clock, caplog
):
    ledger.failures["listen"].append(
        RunledgerError("runtime.notifications_not_received")
    )

    async with working():
        await trio.sleep(100)

        assert 170 < len(ledger.calls["claim"]) < 240
        assert [] == ledger.calls["fall_asleep"]
        assert 1 == len(ledger.calls["listen"])
    assert 1 == caplog.text.count("new jobs are found by polling")
    assert "runtime.notifications_not_received" in caplog.text


async def test_polling_can_be_chosen(working, notifying, clock):
    async with working(wake_up="poll"):
        await trio.sleep(100)

    assert [] == notifying.calls["listen"]


async def test_a_connection_that_is_lost_is_made_again(
    working, notifying, clock, caplog
):
    caplog.set_level("INFO")
    async with working(idle_poll_max_ms=60_000) as begun:
        await trio.sleep(500)
        notifying.failures["listen"].extend(
            RunledgerError("db.connection_failed") for _ in range(6)
        )
        notifying.cut.set()
        await trio.sleep(1)
        notifying.add()
        await trio.sleep(1)
        assert 1 == len(begun)

        await trio.sleep(500)
        notifying.add()
        notifying.wake()
        await trio.sleep(0.001)

    assert 1002 + 0 * begun[0] == begun[1]
    assert 1 == caplog.text.count("new jobs are found by polling")
    assert 1 == caplog.text.count("notifications arrive")


async def test_what_may_have_been_missed_is_looked_for(working, notifying, clock):
    notifying.is_notifying = False
    async with working(poll_interval_ms=60_000) as begun:
        await trio.sleep(1)
        notifying.is_notifying = True
        notifying.cut.set()
        notifying.add()
        await trio.sleep(1)

        assert 1 == len(begun)


async def test_an_outage_is_ridden_out_asleep(working, notifying, clock):
    async with working() as begun:
        await trio.sleep(100)
        notifying.failures["fall_asleep"].extend(
            RunledgerError("db.connection_failed") for _ in range(5)
        )
        notifying.failures["claim"].extend(
            RunledgerError("db.connection_failed") for _ in range(5)
        )
        notifying.add()
        await trio.sleep(60)

        assert 1 == len(begun)


async def test_a_type_runs_no_more_jobs_at_once_than_its_limit(working, ledger, clock):
    for _ in range(6):
        ledger.add("slow.job", {"seconds": 10})
    ledger.add("test.job")

    async with working(limits={"slow.job": 2}, poll_interval_ms=60_000) as begun:
        await trio.sleep(100)

    # The other type does not wait for it, nor does it wait for the poll interval.
    assert [0, 0, 0, 10, 10, 20, 20] == [round(at, 3) for at in begun]


async def test_a_worker_with_no_room_for_any_type_does_not_ask(
    working, notifying, clock
):
    async with working(limits={"test.job": 1}) as begun:
        notifying.add(payload={"seconds": 10})
        notifying.add()
        await trio.sleep(9)
        asked = len(notifying.calls["claim"]) + len(notifying.calls["fall_asleep"])
        await trio.sleep(2)

    assert asked <= 2
    assert [0, 10] == begun


async def test_a_sleeper_is_not_woken_for_a_type_that_has_no_room(
    working, notifying, clock
):
    asleep_for = []
    fall_asleep = notifying.fall_asleep

    async def noted(**values):
        asleep_for.append(values["job_types"])
        return await fall_asleep(**values)

    notifying.fall_asleep = noted
    async with working(limits={"slow.job": 1}):
        await trio.sleep(10)
        notifying.add("slow.job", {"seconds": 20})
        notifying.wake()
        await trio.sleep(10)
        during = asleep_for[-1]
        await trio.sleep(30)

    assert ["test.job"] == during
    assert ["slow.job", "test.job"] == asleep_for[-1]


async def test_jobs_that_wait_for_their_turn_are_given_back_at_the_stop(
    ledger, make_config, clock
):
    stop = Stop()
    begun = []

    def block(context, payload):
        raise AssertionError

    async def stop_at_once(context, payload):
        begun.append(context.job_id)
        stop.request()
        await trio.sleep(1)

    registry = JobRegistry()
    registry.register("test.job", stop_at_once)
    for _ in range(5):
        ledger.add()

    await run_worker_loop(ledger, registry, make_config(), stop)

    assert 5 == len(ledger.outcomes) + len(ledger.calls["release"][0])
    assert len(begun) == len(ledger.outcomes)
    assert not ledger.held
