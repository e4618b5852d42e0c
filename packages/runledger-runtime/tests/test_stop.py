"""Asking to stop: from anywhere, before and after, in two degrees; and the rhythm."""

import threading

import trio
from trio.testing import wait_all_tasks_blocked

from runledger_runtime import Stop
from runledger_runtime._ticks import Backoff, spread


async def test_a_request_wakes_those_who_wait():
    stop = Stop()
    woken = []

    async def wait():
        await stop.wait_requested()
        woken.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        stop.request()

    assert [True, True] == woken


async def test_a_request_from_another_thread_is_heard():
    stop = Stop()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop.wait_requested)
        await wait_all_tasks_blocked()
        thread = threading.Thread(target=stop.request)
        thread.start()

    thread.join()
    assert stop.is_requested


async def test_a_request_before_anything_runs_is_not_lost():
    stop = Stop()
    stop.request()

    with stop.ending() as scope:
        await trio.sleep_forever()

    assert scope.cancelled_caught


async def test_a_repeat_can_only_shorten_the_time_that_is_allowed(clock):
    stop = Stop()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop.wait_overdue)
        await wait_all_tasks_blocked()
        stop.request(within_seconds=100)
        await wait_all_tasks_blocked()
        stop.request(within_seconds=10)
        stop.request(within_seconds=50)

    assert 9 < trio.current_time() < 11


async def test_whoever_listens_is_told_of_every_request():
    stop = Stop()
    told = []
    stop.add_listener(lambda: told.append(stop.is_urgent))

    stop.request()
    stop.request_urgently()

    assert [False, True] == told


async def test_waiting_for_what_was_requested_before_ends_at_once():
    stop = Stop()
    stop.request()

    await stop.wait_requested()

    assert stop.is_requested


async def test_ending_cancels_what_is_inside():
    stop = Stop()

    async with trio.open_nursery() as nursery:
        with stop.ending() as scope:
            nursery.start_soon(trio.to_thread.run_sync, stop.request)
            await trio.sleep_forever()

    assert scope.cancelled_caught


async def test_patience_outlasts_a_request_but_not_an_urgent_one():
    stop = Stop()
    stop.request()

    with stop.patience(1000) as scope:
        await trio.testing.wait_all_tasks_blocked()
        assert not scope.cancel_called
        stop.request_urgently()
        await trio.sleep_forever()

    assert stop.is_urgent
    assert scope.cancelled_caught


async def test_patience_ends_by_itself(clock):
    stop = Stop()

    with stop.patience(30):
        await trio.sleep_forever()

    assert 30 == trio.current_time()


async def test_a_request_after_the_run_is_harmless():
    stop = Stop()
    await trio.lowlevel.checkpoint()
    with stop.ending():
        pass

    def late():
        stop.request()

    await trio.to_thread.run_sync(late)

    assert stop.is_requested


def test_pauses_grow_to_ten_seconds_and_begin_again_after_a_success():
    backoff = Backoff()

    pauses = [backoff.next_pause() for _ in range(12)]
    backoff.reset()

    assert 0.075 <= pauses[0] <= 0.125
    assert 0.15 <= pauses[1] <= 0.25
    assert all(7.5 <= pause <= 12.5 for pause in pauses[8:])
    assert backoff.next_pause() <= 0.125


def test_spreading_is_a_quarter_at_most():
    spreads = [spread(4) for _ in range(200)]

    assert 3 <= min(spreads) < 3.5
    assert 4.5 < max(spreads) <= 5
