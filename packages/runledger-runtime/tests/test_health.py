"""What a supervisor says of itself, to any thread and without a database."""

from __future__ import annotations

import json
import threading
import time

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from runledger_core import RunledgerError
from runledger_runtime import JobCatalog, Stop, Supervisor, SupervisorPhase
from runledger_runtime._vitals import Vitals

UNREACHABLE = RunledgerError("db.connection_failed")


@pytest.fixture
def release():
    return trio.Event()


@pytest.fixture
def supervisor(ledger, make_config, release):
    catalog = JobCatalog()

    @catalog.job("test.job")
    async def wait(context, payload):
        await release.wait()

    config = make_config(poll_interval_ms=1000)
    return Supervisor(ledger, config, catalog=catalog)


@pytest.fixture
def watched(ledger):
    """Notes, and a ledger that is watched for a loop."""
    vitals = Vitals(Stop())
    return vitals, vitals.watched(ledger, "reaper")


def reap(ledger):
    return ledger.reap(limit=1, retry={}, default_retry=None, timeout_seconds=1)


async def test_it_passes_through_its_phases(supervisor, ledger, release):
    phases = [supervisor.health().phase]
    ledger.add()

    async with supervisor.running():
        await wait_all_tasks_blocked()
        phases.append(supervisor.health().phase)
        supervisor.request_shutdown()
        phases.append(supervisor.health().phase)
        release.set()

    assert [*phases, supervisor.health().phase] == list(SupervisorPhase)


async def test_it_is_ready_while_it_works_and_live_until_it_ends(supervisor):
    seen = [supervisor.health()]

    async with supervisor.running():
        seen.append(supervisor.health())
        supervisor.request_shutdown()
        seen.append(supervisor.health())
    seen.append(supervisor.health())

    assert [False, True, False, False] == [each.is_ready for each in seen]
    assert [True, True, True, False] == [each.is_live for each in seen]


async def test_a_thread_sees_the_jobs_it_holds(supervisor, ledger, release):
    ledger.add()
    ledger.add()
    seen = []

    async with supervisor.running():
        await wait_all_tasks_blocked()
        thread = threading.Thread(target=lambda: seen.append(supervisor.health()))
        thread.start()
        thread.join()
        release.set()

    assert 2 == seen[0].held_jobs_count
    assert {"worker", "reaper", "scheduler"} == set(seen[0].loops)
    assert 0 == supervisor.health().held_jobs_count


async def test_a_database_that_goes_away_takes_readiness_but_not_life(
    watched, ledger, caplog
):
    caplog.set_level("INFO")
    vitals, reaper = watched
    vitals.begin()
    await reap(reaper)
    ledger.failures["reap"].append(UNREACHABLE)

    with pytest.raises(RunledgerError):
        await reap(reaper)
    away = vitals.read()
    await reap(reaper)
    back = vitals.read()

    assert (True, False) == (away.is_live, away.is_ready)
    assert away.database_ok_seconds is None
    assert str(UNREACHABLE) == away.loops["reaper"].last_error
    assert back.is_ready
    assert back.database_ok_seconds is not None
    assert back.loops["reaper"].last_error is None
    assert "the database answers again" in caplog.text


async def test_an_error_that_the_database_answered_with_is_no_outage(watched, ledger):
    vitals, reaper = watched
    await reap(reaper)
    ledger.failures["reap"].append(RunledgerError("db.permission_denied"))

    with pytest.raises(RunledgerError):
        await reap(reaper)

    health = vitals.read()
    assert health.database_ok_seconds is not None
    assert "db.permission_denied" in health.loops["reaper"].last_error


async def test_what_is_no_call_passes_through_the_watch(watched, ledger):
    _, reaper = watched

    assert reaper.is_transient(UNREACHABLE)
    assert ledger.due is reaper.due


async def test_an_event_loop_that_does_not_turn_costs_its_life():
    vitals = Vitals(Stop())
    vitals.lease_ttl_seconds = 60
    lags = []
    for seconds in (1, 30, 90):
        vitals._pulse_at = time.monotonic() - seconds
        lags.append(vitals.read())

    assert [True, True, False] == [each.is_live for each in lags]
    assert [0, 29, 89] == [int(each.event_loop_lag_seconds) for each in lags]


async def test_trio_leaves_a_mark_as_long_as_it_turns():
    vitals = Vitals(Stop())
    vitals._pulse_at = 0.0

    async with trio.open_nursery() as nursery:
        nursery.start_soon(vitals.pulse)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()

    assert vitals.read().event_loop_lag_seconds < 10


async def test_all_of_it_goes_into_json(supervisor):
    async with supervisor.running():
        await wait_all_tasks_blocked()
        health = supervisor.health().as_json()

    loaded = json.loads(json.dumps(health))
    assert "RUNNING" == loaded["phase"]
    assert loaded["is_ready"] is True
    assert 0 <= loaded["loops"]["reaper"]["last_success_seconds"] < 10
