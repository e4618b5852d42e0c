"""Which loops run, how they run beside a program, and how long their end may take."""

from __future__ import annotations

import math
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from runledger_core import RunledgerError
from runledger_runtime import (
    ConfigError,
    ExitCode,
    JobCatalog,
    RuntimeLoopExit,
    Supervisor,
    SupervisorError,
    SupervisorPhase,
)


@pytest.fixture
def catalog():
    return JobCatalog()


@pytest.fixture
def supervisor(ledger, make_config, catalog):
    @catalog.job("test.job")
    async def nothing(context, payload):
        pass

    return Supervisor(ledger, make_config(), catalog=catalog)


@pytest.fixture
def stuck(ledger, make_config, catalog):
    """A supervisor with a job that swallows its cancellation until it is released."""

    @catalog.job("test.job")
    async def swallow(context, payload):
        with trio.CancelScope(shield=True):
            await stuck.release.wait()

    ledger.add()
    stuck = Supervisor(
        ledger, make_config(shutdown_grace_seconds=1000), catalog=catalog
    )
    stuck.release = trio.Event()
    return stuck


def break_method(ledger, name, *, when=lambda: True):
    sound = getattr(ledger, name)

    async def broken(**values):
        if when():
            raise ZeroDivisionError("a bug")
        return await sound(**values)

    setattr(ledger, name, broken)


async def failure_of(run):
    with pytest.raises(SupervisorError) as caught:
        await run()
    return caught.value


async def test_a_reaper_alone_needs_no_handlers(ledger, make_config):
    supervisor = Supervisor(ledger, make_config(), is_worker_enabled=False)

    async with supervisor.running():
        await wait_all_tasks_blocked()
        assert {"reaper", "scheduler"} == set(supervisor.health().loops)

    assert [{}] == ledger.calls["reap"]
    assert [] == ledger.calls["claim"]


async def test_a_reaper_alone_uses_the_retry_policies_there_are(
    ledger, make_config, catalog, supervisor
):
    reaper = Supervisor(
        ledger, make_config(), registry=catalog.to_registry(), is_worker_enabled=False
    )

    async with reaper.running():
        await wait_all_tasks_blocked()

    assert ["test.job"] == list(ledger.calls["reap"][0])


async def test_a_supervisor_without_loops_waits_for_its_end(ledger, make_config):
    supervisor = Supervisor(
        ledger, make_config(), is_worker_enabled=False, is_reaper_enabled=False
    )

    async with supervisor.running():
        await wait_all_tasks_blocked()
        assert SupervisorPhase.RUNNING is supervisor.health().phase

    assert SupervisorPhase.STOPPED is supervisor.health().phase


async def test_a_loop_that_ends_by_itself_is_an_error_that_names_it(
    supervisor, monkeypatch
):
    async def end_at_once(*arguments, **values):
        return RuntimeLoopExit.SHUTDOWN

    monkeypatch.setattr("runledger_runtime._loops.run_reaper_loop", end_at_once)

    with pytest.raises(SupervisorError, match="the reaper ended by itself") as caught:
        await supervisor.run_async()

    assert "runtime.task_failed" == caught.value.code


async def test_the_body_runs_beside_it_and_its_end_ends_it(supervisor, ledger):
    job_id = ledger.add()

    async with supervisor.running() as running:
        assert running is supervisor
        assert SupervisorPhase.RUNNING is supervisor.health().phase
        await wait_all_tasks_blocked()

    assert {job_id} == set(ledger.outcomes)
    assert ledger.is_closed


async def test_a_start_that_fails_is_raised_before_the_body(supervisor, ledger):
    ledger.failures["check"].append(RunledgerError("schema.version_missing"))

    with pytest.raises(RunledgerError, match=r"schema\.version_missing"):
        async with supervisor.running():
            pytest.fail("the body ran")


async def test_a_loop_that_fails_cancels_the_body_and_is_raised(supervisor, ledger):
    break_method(ledger, "reap")

    with pytest.raises(SupervisorError, match="reaper") as caught:
        async with supervisor.running():
            await trio.sleep_forever()

    assert "runtime.task_failed" == caught.value.code
    assert caught.value.__cause__.subgroup(ZeroDivisionError)


async def test_an_exception_of_the_body_comes_after_an_orderly_end(supervisor, ledger):
    job_id = ledger.add()

    with pytest.raises(KeyError):
        async with supervisor.running():
            raise KeyError("the host's own")

    given_back = {
        lease.job_id for leases in ledger.calls["release"] for lease in leases
    }
    assert ledger.due or job_id in ledger.outcomes.keys() | given_back
    assert ledger.is_closed


async def test_cancelling_the_body_waits_for_nothing(stuck):
    stuck.release.set()

    with trio.move_on_after(math.inf) as scope:
        async with stuck.running():
            scope.cancel()
            await trio.sleep_forever()

    assert scope.cancelled_caught
    assert SupervisorPhase.STOPPED is stuck.health().phase


async def test_it_runs_until_what_it_waits_for_has_come(supervisor, ledger):
    job_id = ledger.add()

    loop_exit = await supervisor.run_until_shutdown(wait_all_tasks_blocked)

    assert RuntimeLoopExit.SHUTDOWN is loop_exit
    assert {job_id} == set(ledger.outcomes)


async def test_a_request_ends_the_wait_for_something_else(supervisor):
    async def ask_and_wait():
        supervisor.request_shutdown()
        await trio.sleep_forever()

    await supervisor.run_until_shutdown(ask_and_wait)

    assert SupervisorPhase.STOPPED is supervisor.health().phase


async def test_a_shutdown_before_the_run_returns_at_once(supervisor, ledger):
    ledger.add()

    await supervisor.shutdown_with_timeout(5)
    loop_exit = await supervisor.run_async()

    assert RuntimeLoopExit.SHUTDOWN is loop_exit
    assert 1 == len(ledger.due)


async def test_a_shutdown_in_time_is_no_error(supervisor, ledger):
    job_id = ledger.add()

    async with supervisor.running():
        await wait_all_tasks_blocked()
        await supervisor.shutdown_with_timeout(60)
        assert SupervisorPhase.STOPPED is supervisor.health().phase

    assert {job_id} == set(ledger.outcomes)


async def test_a_shutdown_that_takes_too_long_is_cut_short(
    ledger, make_config, catalog
):
    supervisor = Supervisor(
        ledger, make_config(shutdown_grace_seconds=1000), catalog=catalog
    )

    @catalog.job("test.job")
    async def stall(context, payload):
        await trio.sleep_forever()

    async def run():
        async with supervisor.running():
            await wait_all_tasks_blocked()
            await supervisor.shutdown_with_timeout(0)

    ledger.add()
    failure = await failure_of(run)

    assert "runtime.shutdown_timeout" == failure.code
    assert failure.__cause__ is None
    assert {} == ledger.outcomes
    assert ledger.is_closed


async def test_a_handler_that_swallows_its_cancellation_is_waited_for(stuck, ledger):
    phases = []

    async def run():
        async with stuck.running(), trio.open_nursery() as nursery:
            await wait_all_tasks_blocked()
            nursery.start_soon(failure_of, partial(stuck.shutdown_with_timeout, 0))
            await wait_all_tasks_blocked(0.05)
            phases.append(stuck.health().phase)
            stuck.release.set()

    failure = await failure_of(run)

    assert "runtime.shutdown_timeout" == failure.code
    assert [SupervisorPhase.STOPPING] == phases
    assert {} == ledger.outcomes


async def test_a_timeout_after_a_failure_keeps_the_failure(stuck, ledger, clock):
    # Once the job has begun: what is claimed after a failure would be given back.
    break_method(ledger, "reap", when=lambda: clock.current_time() > began_at + 1)
    began_at = clock.current_time()
    failures = []

    async def run():
        failures.append(await failure_of(stuck.run_async))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await wait_all_tasks_blocked()
        await trio.sleep(60)
        stuck.request_shutdown(timeout_seconds=0)
        await wait_all_tasks_blocked()
        stuck.release.set()

    assert "runtime.shutdown_timeout" == failures[0].code
    assert "runtime.task_failed" == failures[0].__cause__.code
    assert failures[0].__cause__.__cause__.subgroup(ZeroDivisionError)


def test_cut_short_is_an_exit_code(ledger, make_config, catalog):
    config = make_config(shutdown_grace_seconds=1000)
    supervisor = Supervisor(ledger, config, catalog=catalog)

    @catalog.job("test.job")
    async def stall(context, payload):
        supervisor.request_shutdown(timeout_seconds=0)
        await trio.sleep_forever()

    ledger.add()

    assert ExitCode.INTERRUPTED is supervisor.run()


async def test_calls_under_way_are_not_waited_for_any_longer(
    supervisor, ledger, clock, caplog
):
    ledger.delays_seconds["claim"] = 15

    async def run():
        async with supervisor.running():
            await wait_all_tasks_blocked()
            await supervisor.shutdown_with_timeout(0)

    await failure_of(run)

    assert ledger.are_calls_abandoned
    assert "the time for the shutdown is over" in caplog.text


@pytest.mark.parametrize("seconds", [math.inf, 1e300])
def test_a_timeout_that_no_clock_can_measure_is_refused(
    supervisor, seconds, raises_code
):
    with raises_code("runtime.shutdown_timeout_too_large"):
        supervisor.request_shutdown(timeout_seconds=seconds)

    assert not supervisor.is_shutdown_requested


@pytest.mark.parametrize("seconds", [-1, math.nan])
async def test_a_timeout_that_is_none_is_refused_before_anything_runs(
    supervisor, seconds
):
    with pytest.raises(ConfigError, match="zero or more seconds"):
        async with supervisor.running(shutdown_timeout_seconds=seconds):
            pytest.fail("the body ran")

    assert not supervisor.is_shutdown_requested


async def test_a_start_waits_for_the_database_as_long_as_it_is_told(
    ledger, make_config, catalog, supervisor, clock
):
    ledger.failures["check"].extend([RunledgerError("db.connection_failed")] * 5)
    config = make_config(startup_wait_seconds=60)
    patient = Supervisor(ledger, config, catalog=catalog)

    await patient.run_async(stop_when_idle=True)

    assert 6 == len(ledger.calls["check"])
    assert 1 < trio.current_time() < 60


async def test_a_start_does_not_wait_for_ever(
    ledger, make_config, catalog, supervisor, clock, raises_code
):
    ledger.failures["check"].extend([RunledgerError("db.connection_failed")] * 100)
    config = make_config(startup_wait_seconds=60)

    with raises_code("db.connection_failed"):
        await Supervisor(ledger, config, catalog=catalog).run_async()

    assert 60 <= trio.current_time() < 61


async def test_a_start_does_not_wait_for_what_will_not_change(
    ledger, make_config, catalog, supervisor, raises_code
):
    ledger.failures["check"].append(RunledgerError("schema.version_missing"))
    config = make_config(startup_wait_seconds=60)

    with raises_code("schema.version_missing"):
        await Supervisor(ledger, config, catalog=catalog).run_async()

    assert 1 == len(ledger.calls["check"])


async def test_a_request_ends_the_waiting_at_the_start(
    ledger, make_config, catalog, supervisor
):
    ledger.failures["check"].extend([RunledgerError("db.connection_failed")] * 100)
    config = make_config(startup_wait_seconds=1000)
    patient = Supervisor(ledger, config, catalog=catalog)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(patient.run_async)
        await wait_all_tasks_blocked()
        assert SupervisorPhase.STARTING is patient.health().phase
        patient.request_shutdown()

    assert [] == ledger.calls["claim"]
    assert ledger.is_closed
