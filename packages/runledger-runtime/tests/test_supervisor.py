"""The supervisor: start-up checks, its end, failures and exit codes."""

from __future__ import annotations

import logging
import threading

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from runledger_core import JobDefinition, RunledgerError
from runledger_runtime import (
    ExitCode,
    JobCatalog,
    JobRegistry,
    RuntimeLoopExit,
    Supervisor,
    SupervisorError,
)


@pytest.fixture
def catalog():
    catalog = JobCatalog()

    @catalog.job("test.job", max_attempts=3)
    async def nothing(context, payload):
        pass

    return catalog


@pytest.fixture
def make(ledger, make_config):
    def make(catalog, **values):
        return Supervisor(
            ledger, **{"config": make_config(), "catalog": catalog, **values}
        )

    return make


def test_run_works_until_nothing_is_due_and_says_ok(make, ledger, catalog):
    for _ in range(10):
        ledger.add()

    exit_code = make(catalog).run(stop_when_idle=True)

    assert ExitCode.OK is exit_code
    assert 10 == len(ledger.outcomes)
    assert ledger.is_closed


async def test_definitions_are_stored_before_work_starts(make, ledger, catalog):
    await make(catalog).run_async(stop_when_idle=True)

    assert [JobDefinition("test.job", max_attempts=3)] == ledger.definitions
    assert ["check", "sync_definitions"] == list(ledger.calls)[:2]
    assert "claim" in ledger.calls


async def test_a_registry_leaves_the_definitions_alone(make, ledger, catalog):
    supervisor = make(None, registry=catalog.to_registry())

    await supervisor.run_async(stop_when_idle=True)

    assert [] == ledger.definitions


async def test_it_tells_its_nursery_when_it_works_and_stops_on_request(make, catalog):
    supervisor = make(catalog)

    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run_async)
        assert not supervisor.is_shutdown_requested
        supervisor.request_shutdown()

    assert supervisor.is_shutdown_requested


def test_a_shutdown_can_be_requested_from_another_thread(make, ledger):
    catalog = JobCatalog()
    supervisor = make(catalog)

    @catalog.job("test.job")
    async def ask(context, payload):
        thread = threading.Thread(target=supervisor.request_shutdown)
        thread.start()
        thread.join()

    ledger.add()

    assert ExitCode.OK is supervisor.run()


def test_a_shutdown_before_the_run_ends_it_at_once(make, ledger, catalog):
    ledger.add()
    supervisor = make(catalog)
    supervisor.request_shutdown()

    assert ExitCode.OK is supervisor.run()
    assert 1 == len(ledger.due)


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("db.connection_failed", ExitCode.UNAVAILABLE),
        ("schema.version_missing", ExitCode.MISCONFIGURED),
        ("db.server_too_old", ExitCode.MISCONFIGURED),
    ],
)
def test_a_failed_start_is_one_line_and_an_exit_code(
    make, ledger, catalog, code, exit_code, caplog
):
    ledger.failures["check"].append(RunledgerError(code, internal="why"))

    assert exit_code is make(catalog).run()

    (record,) = [each for each in caplog.records if each.levelno == logging.CRITICAL]
    assert record.getMessage().startswith(f"{code}: ")
    assert record.getMessage().endswith(": why")
    assert record.exc_info is None
    assert [] == ledger.calls["claim"]
    assert ledger.is_closed


async def test_a_failed_start_is_raised_where_somebody_can_catch_it(
    make, ledger, catalog, raises_code
):
    ledger.failures["sync_definitions"].append(RunledgerError("db.permission_denied"))

    with raises_code("db.permission_denied"):
        await make(catalog).run_async()


def test_settings_from_the_environment_are_checked(ledger, catalog, monkeypatch):
    monkeypatch.setenv("JOBS_CLAIM_BATCH_SIZE", "many")

    assert ExitCode.MISCONFIGURED is Supervisor(ledger, catalog=catalog).run()


@pytest.mark.parametrize(
    "handlers",
    [{}, {"catalog": JobCatalog()}, {"registry": JobRegistry()}],
    ids=["none", "catalog", "registry"],
)
async def test_a_worker_needs_a_handler(ledger, handlers, raises_code):
    with raises_code("runtime.missing_catalog"):
        await Supervisor(ledger, **handlers).run_async()


def test_a_catalog_and_a_registry_are_one_too_many(ledger, catalog):
    with pytest.raises(TypeError, match="not both"):
        Supervisor(ledger, catalog=catalog, registry=JobRegistry())


async def test_a_supervisor_runs_once(make, catalog, raises_code):
    supervisor = make(catalog)
    await supervisor.run_async(stop_when_idle=True)

    with raises_code("runtime.already_running"):
        await supervisor.run_async()


@pytest.fixture
def breaking_ledger(ledger):
    async def claim(**values):
        raise ZeroDivisionError("a bug")

    ledger.claim = claim
    return ledger


def test_a_task_that_breaks_is_an_exit_code(make, breaking_ledger, catalog, caplog):
    assert ExitCode.FAILED is make(catalog).run()
    assert "a bug" in caplog.text


async def test_a_task_that_breaks_is_raised_with_its_cause(
    make, breaking_ledger, catalog
):
    with pytest.raises(SupervisorError) as caught:
        await make(catalog).run_async()

    assert "runtime.task_failed" == caught.value.code
    assert isinstance(caught.value.__cause__, ExceptionGroup)


def test_jobs_cut_short_are_an_exit_code(make, ledger, make_config):
    catalog = JobCatalog()
    config = make_config(shutdown_grace_seconds=0)
    supervisor = make(catalog, config=config)

    @catalog.job("test.job")
    async def stall(context, payload):
        supervisor.request_shutdown()
        await trio.sleep_forever()

    ledger.add()

    assert ExitCode.INTERRUPTED is supervisor.run()


async def test_cancelling_it_leaves_jobs_to_their_leases(make, ledger):
    catalog = JobCatalog()

    @catalog.job("test.job")
    async def stall(context, payload):
        await trio.sleep_forever()

    ledger.add()
    async with trio.open_nursery() as nursery:
        await nursery.start(make(catalog).run_async)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()

    assert 1 == len(ledger.held)
    assert {} == ledger.outcomes
    assert ledger.is_closed


async def test_the_exit_says_that_there_was_nothing_left_to_do(make, catalog):
    supervisor = make(catalog)

    loop_exit = await supervisor.run_async(stop_when_idle=True)

    assert RuntimeLoopExit.COMPLETED is loop_exit
    assert supervisor.is_shutdown_requested


@pytest.mark.parametrize("database", [None, "postgresql://localhost", object()])
def test_what_is_no_pool_is_refused(database, catalog):
    with pytest.raises(TypeError, match="ConnectionPool"):
        Supervisor(database, catalog=catalog)
