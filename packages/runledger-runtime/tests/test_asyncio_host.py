"""A supervisor beside an asyncio program: start, stop, failure and cancellation."""

from __future__ import annotations

import asyncio
import math
import threading

import pytest
import trio

from runledger_core import RunledgerError
from runledger_runtime import (
    ConfigError,
    JobCatalog,
    RuntimeLoopExit,
    Supervisor,
    SupervisorError,
    SupervisorPhase,
)


class Stage:
    """Where a handler and an asyncio test meet."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.has_begun = asyncio.Event()
        self.release = trio.Event()
        self.token = None

    def note_begin(self):
        self.token = trio.lowlevel.current_trio_token()
        self.loop.call_soon_threadsafe(self.has_begun.set)


@pytest.fixture
def catalog():
    return JobCatalog()


@pytest.fixture
def make(ledger, make_config, catalog):
    def make(**settings):
        if not catalog.definitions():
            catalog.job("test.job")(nothing)
        config = make_config(**{"shutdown_grace_seconds": 1000, **settings})
        return Supervisor(ledger, config, catalog=catalog)

    return make


async def nothing(context, payload):
    pass


@pytest.fixture
def stalling(catalog, ledger):
    """Add a job that runs until it is cancelled; return where to meet it."""

    def stalling():
        stage = Stage()

        @catalog.job("test.job")
        async def stall(context, payload):
            stage.note_begin()
            await trio.sleep_forever()

        ledger.add()
        return stage

    return stalling


def supervisor_threads():
    return [each for each in threading.enumerate() if "supervisor" in each.name]


def test_it_works_beside_the_block_and_ends_with_it(make, ledger, catalog):
    async def main():
        stage = Stage()

        @catalog.job("test.job")
        async def work(context, payload):
            stage.note_begin()

        ledger.add()
        supervisor = make()
        async with supervisor.in_asyncio():
            await stage.has_begun.wait()
            assert supervisor.health().is_ready
        assert SupervisorPhase.STOPPED is supervisor.health().phase

    asyncio.run(main())

    assert 1 == len(ledger.outcomes)
    assert ledger.is_closed
    assert [] == supervisor_threads()


def test_two_hooks_start_and_stop_it(make):
    async def main():
        host = make().in_asyncio()
        await host.start()
        return await host.stop(), await host.stop()

    exits = asyncio.run(main())

    assert (RuntimeLoopExit.SHUTDOWN, RuntimeLoopExit.SHUTDOWN) == exits


def test_a_stop_before_the_start_ends_it_at_once(make, ledger):
    async def main():
        host = make().in_asyncio()
        await host.stop()
        async with host:
            return await host.wait()

    ledger.add()

    assert RuntimeLoopExit.SHUTDOWN is asyncio.run(main())
    assert 1 == len(ledger.due)


def test_a_start_that_fails_is_raised_before_the_block(make, ledger, raises_code):
    async def main():
        async with make().in_asyncio():
            pytest.fail("the block ran")

    ledger.failures["check"].append(RunledgerError("schema.version_missing"))

    with raises_code("schema.version_missing"):
        asyncio.run(main())


def test_settings_that_cannot_be_used_are_refused(make):
    async def main():
        async with make(claim_batch_size=0).in_asyncio():
            pytest.fail("the block ran")

    with pytest.raises(ConfigError):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(math.inf, "runtime.shutdown_timeout_too_large"), (-1, "config.invalid_value")],
)
def test_a_timeout_that_cannot_be_used_is_refused(make, seconds, code, raises_code):
    with raises_code(code):
        make().in_asyncio(shutdown_timeout_seconds=seconds)


def test_it_runs_once(make, raises_code):
    async def main():
        host = make().in_asyncio()
        async with host:
            pass
        await host.start()

    with raises_code("runtime.already_running"):
        asyncio.run(main())


def test_a_loop_that_fails_cancels_the_block_and_is_raised(make, ledger):
    async def claim(**values):
        raise ZeroDivisionError("a bug")

    async def main():
        try:
            async with make().in_asyncio():
                await asyncio.Event().wait()
        finally:
            cancelling.append(asyncio.current_task().cancelling())

    ledger.claim = claim
    cancelling = []

    with pytest.raises(SupervisorError, match="worker") as caught:
        asyncio.run(main())

    assert "runtime.task_failed" == caught.value.code
    assert [0] == cancelling


def test_a_request_from_elsewhere_ends_it_but_not_the_block(make):
    async def main():
        supervisor = make()
        async with supervisor.in_asyncio() as host:
            threading.Thread(target=supervisor.request_shutdown).start()
            await host.wait()
            return "the block goes on"

    assert "the block goes on" == asyncio.run(main())


def test_an_exception_of_the_block_comes_after_an_orderly_end(make, ledger):
    async def main():
        async with make().in_asyncio():
            raise KeyError("the host's own")

    with pytest.raises(KeyError):
        asyncio.run(main())

    assert ledger.is_closed


def test_a_block_that_is_cancelled_ends_in_good_order(make, ledger, catalog):
    async def main():
        stage = Stage()

        @catalog.job("test.job")
        async def work(context, payload):
            stage.note_begin()
            await stage.release.wait()

        async def serve():
            async with supervisor.in_asyncio():
                await asyncio.Event().wait()

        ledger.add()
        supervisor = make()
        task = asyncio.create_task(serve())
        await stage.has_begun.wait()
        task.cancel()
        await asyncio.sleep(0)
        assert supervisor.is_shutdown_requested
        assert not task.done()
        stage.token.run_sync_soon(stage.release.set)
        await asyncio.wait({task})
        assert task.cancelled()

    asyncio.run(main())

    assert 1 == len(ledger.outcomes)


def test_a_second_cancellation_does_not_wait_for_the_jobs(make, ledger, stalling):
    async def main():
        stage = stalling()
        supervisor = make()
        host = supervisor.in_asyncio()
        await host.start()
        await stage.has_begun.wait()
        stopping = asyncio.create_task(host.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        await asyncio.wait({stopping})
        assert stopping.cancelled()
        return await host.wait()

    assert RuntimeLoopExit.INTERRUPTED is asyncio.run(main())
    assert {} == ledger.outcomes


def test_a_start_that_is_cancelled_waits_no_longer(make, ledger):
    async def main():
        host = make().in_asyncio()
        starting = asyncio.create_task(host.start())
        await asyncio.sleep(0)
        starting.cancel()
        await asyncio.wait({starting})
        assert starting.cancelled()
        await host.wait()

    asyncio.run(main())

    assert ledger.is_closed


def test_an_end_that_takes_too_long_is_cut_short(make, ledger, stalling):
    async def main():
        stage = stalling()
        async with make().in_asyncio(shutdown_timeout_seconds=0):
            await stage.has_begun.wait()

    with pytest.raises(SupervisorError) as caught:
        asyncio.run(main())

    assert "runtime.shutdown_timeout" == caught.value.code
    assert {} == ledger.outcomes


def test_a_handler_that_swallows_its_cancellation_is_left_behind(make, ledger, catalog):
    release = threading.Event()

    async def main():
        stage = Stage()

        @catalog.job("test.job")
        async def swallow(context, payload):
            stage.note_begin()
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(release.wait)

        ledger.add()
        async with make().in_asyncio(shutdown_timeout_seconds=0):
            await stage.has_begun.wait()

    with pytest.raises(SupervisorError, match="its thread is left"):
        asyncio.run(main())

    (thread,) = supervisor_threads()
    release.set()
    thread.join(20)
    assert not thread.is_alive()
